/** What is selected and what is in focus: by lasso, box, click, brush, legend and filters; and what Python knows of it. No DOM. */
import { decodeSet, encodeSet } from "./codec.js"
import { cornersOf, findInPolygon } from "./geometry.js"

const MOST_COUNTED = 200000 // while a lasso is drawn: beyond it an estimate does, so that no frame is late
const REACH_PX = 12 // of a click
const FILTER_MS = 320 // Python hears of filters so long after the last change, once

export class Selection {
  #mask = null // [shape (n)] for one selection at a time
  #imposed = null // the selection of Python's that was taken over last, by its id
  #greeted = false // whether Python and this map know of each other's selection
  #timer = null
  #undoClick = null // brings the filters back to before the last click

  /** What Python knows: {set, kept, passes}, encoded. Null while there is nothing to compare with. */
  report = null

  /** The polygon of the last lasso [[x, y]], while the selection is what it enclosed. */
  outline = null

  /** The clip in focus, or null. */
  focus = null

  /**
   * @param parts {link; loader {clips}; viewport {near}; renderer {redraw}; toolbar {showCount, showCatch}}
   * @param acts {op() → how the legend selects; pans() → whether a drag moves the map; silence(), the selection is another one; leave(), what is under the mouse may be hidden; hear(clip)}
   */
  constructor({ link, loader, viewport, renderer, toolbar }, acts) {
    Object.assign(this, { link, loader, viewport, renderer, toolbar, acts })
  }

  /** A map was loaded: what was selected stays. */
  open(clips) {
    this.#mask = new Uint8Array(clips.n)
    this.report ??= { ...clips.report(), passes: this.link.data.narrowed ? "" : null }
    this.outline = null
  }

  /** Another dataset comes. */
  forget() { this.report = null }

  /** What a run says of selection and focus: takes a new selection over, and asks for one that was lost. `fresh` if the map was loaded just now. */
  obey({ fresh }) {
    const { link: { data }, loader: { clips } } = this
    const isNew = data.select && data.select.id !== this.#imposed
    if (isNew) {
      this.#imposed = data.select.id
      this.#impose(data.select)
      this.outline = null
      this.renderer.redraw("ranks", "overlay")
      this.toolbar.showCount(clips.count, clips.placed)
    }
    if (!this.#greeted && data.count && !clips.count) this.link.say({ kind: "lost" }) // a page that was left and came back
    else if (fresh || isNew) this.reportChange()
    this.#greeted = true
  }

  /** Takes over a selection from Python, which knows it as `chosen` of `set`; the filters have the last word. */
  #impose({ set, chosen, how }) {
    const { clips } = this.loader
    const known = chosen ?? set
    clips.impose(set, how)
    const again = encoded => encodeSet(decodeSet(encoded, clips.n))
    this.report = { ...this.report, set: again(known), kept: chosen === null ? null : again(set) }
  }

  setFocus(clip) { this.focus = clip }

  /** Puts a clip in focus, on the map and in Python. */
  focusOn(clip) {
    this.focus = clip
    this.renderer.redraw("pointer")
    this.link.say({ kind: "focus", position: clip })
  }

  /** Shows how many clips lie in the lasso that is being drawn. */
  count(stroke) {
    const { clips } = this.loader
    const every = Math.ceil(clips.n / MOST_COUNTED)
    const count = every * findInPolygon(cornersOf(stroke), clips.base, clips.shown, this.#mask, every)
    this.toolbar.showCatch(count, stroke.kind === "select" ? "in the box" : "in the lasso", every > 1)
  }

  /** Selects what a lasso or box encloses. */
  enclose(stroke) {
    const polygon = cornersOf(stroke), { op, kind } = stroke, { clips } = this.loader
    if (!clips) return
    findInPolygon(polygon, clips.base, clips.shown, this.#mask)
    clips.choose(op, this.#mask)
    this.outline = polygon
    this.#change(kind === "select" ? "box" : "lasso", { polygon, op })
  }

  /** Selects what a brush has touched. [shape (n)] */
  paint(mask, op) {
    this.loader.clips.choose(op, mask)
    this.#change("paint", { op })
  }

  /** Selects the clip at a pixel, and hears it. Two clicks beside the points select nothing. */
  click(px, py, { op, toggles, twice }) {
    const { clips } = this.loader
    const [clip = null] = this.viewport.near(px, py, REACH_PX, 1)
    if (clip === null) return void (twice && !this.acts.pans() && clips?.count && this.clear())
    this.#mask.fill(0)
    this.#mask[clip] = 1
    clips.choose(toggles && clips.selected[clip] ? "minus" : op, this.#mask)
    this.outline = null
    this.focus = clip
    this.#change("click")
    if (this.focus === clip) this.link.say({ kind: "focus", position: clip })
    this.acts.hear(clip)
  }

  clear() {
    const { clips } = this.loader
    if (!clips) return
    clips.clear()
    this.#change("clear")
  }

  /** Selects the shown clips that are not selected. Answers whether there is a map. */
  invert() {
    const { clips } = this.loader
    if (!clips) return false
    clips.invert()
    this.#change("invert")
    return true
  }

  /** What an entry of a legend asks for: act "select", or "toggle", "isolate" or "free" of its facet. */
  legendAct(facet, value, act, event) {
    const { clips } = this.loader
    if (!clips || !facet) return
    if (act !== "select") return this.filter(() => facet[act](value), event)
    const { codes } = facet
    for (let clip = 0; clip < clips.n; clip++) this.#mask[clip] = codes[clip] === value ? 1 : 0
    clips.choose(this.acts.op(), this.#mask)
    this.#change("legend")
  }

  /** Changes what is shown; Python hears of it a little later, once. */
  filter(change, event) {
    const { clips } = this.loader
    if (!clips) return
    // the second click of a double-click starts from what was before the first
    if (event?.detail > 1 && this.#undoClick) this.#undoClick()
    else this.#undoClick = clips.standing()
    clips.change(change)
    this.renderer.redraw("ranks", "legend", "overlay", "pointer")
    this.acts.leave()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.reportChange(), FILTER_MS)
  }

  /** Tells Python what is selected if filters, or another map, have changed that or what may be selected. */
  reportChange() {
    clearTimeout(this.#timer)
    if (!this.loader.clips || !this.report) return
    const now = this.loader.clips.report()
    if (Object.keys(now).some(part => now[part] !== this.report[part])) this.#change("filter")
  }

  /** Tells Python what is selected now, and draws it. */
  #change(how, more = {}) {
    const { clips } = this.loader
    clearTimeout(this.#timer)
    if (!more.polygon) this.outline = null
    this.#dropFocus(how)
    this.acts.silence()
    this.report = clips.report()
    this.link.say({ kind: "selection", ...this.report, n: clips.count, how, ...more })
    this.toolbar.showCount(clips.count, clips.placed)
    setTimeout(() => this.renderer.redraw("ranks", "overlay", "pointer")) // Streamlit sends what it was told in its next task: the server works while we paint
  }

  /** The clip in focus that leaves the selection is in focus no longer; Python does the same. One that was never in it stays under filters. */
  #dropFocus(how) {
    const { focus, loader: { clips } } = this
    if (Number.isInteger(focus) && !clips.selected[focus] && (how !== "filter" || clips.kept[focus])) this.focus = null
  }

  close() { clearTimeout(this.#timer) }
}
