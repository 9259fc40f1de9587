/** The selection and the clip in focus: changed by lasso, box, click, brush, legend and filters, and reported to Python. No DOM. */
import { decodeSet, encodeSet } from "./codec.js"
import { cornersOf, findInPolygon } from "./geometry.js"

const MOST_COUNTED = 200000 // clips to count while a lasso is drawn: of more it makes an estimate, so that no frame is late
const REACH_PX = 12 // greatest distance of a click from its clip
const FILTER_MS = 320 // after the last change of a filter, until Python is told

export class Selection {
  #mask = null // [shape (n)], reused for every selection
  #imposed = null // id of the last selection taken over from Python
  #greeted = false // whether Python and this map have compared their selections
  #timer = null
  #undoClick = null // restores the filters as they were before the last click

  /** The selection as Python knows it: {set, kept, passes}, encoded. Null before the first. */
  report = null

  /** The polygon of the last lasso [[x, y]], as long as the selection is its clips. */
  outline = null

  /** The clip in focus, or null. */
  focus = null

  /**
   * @param parts {link; loader {clips}; viewport {near}; renderer {redraw}; toolbar {showCount, showCatch}}
   * @param acts {op() → how the legend selects; pans() → whether a drag moves the map; silence(), called when the selection changes; leave(), called when the clip under the mouse may be hidden; hear(clip)}
   */
  constructor({ link, loader, viewport, renderer, toolbar }, acts) {
    Object.assign(this, { link, loader, viewport, renderer, toolbar, acts })
  }

  /** Call this when a map was loaded: the selection stays. */
  open(clips) {
    this.#mask = new Uint8Array(clips.n)
    this.report ??= { ...clips.report(), passes: this.link.data.narrowed ? "" : null }
    this.outline = null
  }

  /** Call this before another dataset. */
  forget() { this.report = null }

  /** Applies the data of a run: takes over a new selection, and asks for a lost one. `fresh` if the map was just loaded. */
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
    if (!this.#greeted && data.count && !clips.count) this.link.say({ kind: "lost" }) // the person has left the page and come back
    else if (fresh || isNew) this.reportChange()
    this.#greeted = true
  }

  /** Takes over a selection from Python: `set` without filters, `chosen` with the filters that Python knows. The filters of the map decide. */
  #impose({ set, chosen, how }) {
    const { clips } = this.loader
    const filtered = chosen ?? set
    clips.impose(set, how)
    const again = encoded => encodeSet(decodeSet(encoded, clips.n))
    this.report = { ...this.report, set: again(filtered), kept: chosen === null ? null : again(set) }
  }

  setFocus(clip) { this.focus = clip }

  /** Puts a clip in focus, on the map and in Python. */
  focusOn(clip) {
    this.focus = clip
    this.renderer.redraw("pointer")
    this.link.say({ kind: "focus", position: clip })
  }

  /** Shows the number of clips in an unfinished lasso. */
  count(stroke) {
    const { clips } = this.loader
    const every = Math.ceil(clips.n / MOST_COUNTED)
    const count = every * findInPolygon(cornersOf(stroke), clips.base, clips.shown, this.#mask, every)
    this.toolbar.showCatch(count, stroke.kind === "select" ? "in the box" : "in the lasso", every > 1)
  }

  /** Selects the clips in a lasso or box. */
  enclose(stroke) {
    const polygon = cornersOf(stroke), { op, kind } = stroke, { clips } = this.loader
    if (!clips) return
    findInPolygon(polygon, clips.base, clips.shown, this.#mask)
    clips.choose(op, this.#mask)
    this.outline = polygon
    this.#change(kind === "select" ? "box" : "lasso", { polygon, op })
  }

  /** Selects the clips that a brush has touched: `mask` [shape (n)]. */
  paint(mask, op) {
    this.loader.clips.choose(op, mask)
    this.#change("paint", { op })
  }

  /** Selects the clip at a pixel, and plays it. A double-click beside the points clears the selection. */
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

  /** Selects the shown clips that are not selected. Returns whether there is a map. */
  invert() {
    const { clips } = this.loader
    if (!clips) return false
    clips.invert()
    this.#change("invert")
    return true
  }

  /** Carries out the act of a legend entry: "select", or "toggle", "isolate" or "free" of its facet. */
  legendAct(facet, value, act, event) {
    const { clips } = this.loader
    if (!clips || !facet) return
    if (act !== "select") return this.filter(() => facet[act](value), event)
    const { codes } = facet
    for (let clip = 0; clip < clips.n; clip++) this.#mask[clip] = codes[clip] === value ? 1 : 0
    clips.choose(this.acts.op(), this.#mask)
    this.#change("legend")
  }

  /** Changes a filter. Python is told after the last of several changes. */
  filter(change, event) {
    const { clips } = this.loader
    if (!clips) return
    // the second click of a double-click starts from the filters before the first
    if (event?.detail > 1 && this.#undoClick) this.#undoClick()
    else this.#undoClick = clips.standing()
    clips.change(change)
    this.renderer.redraw("ranks", "legend", "overlay", "pointer")
    this.acts.leave()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.reportChange(), FILTER_MS)
  }

  /** Tells Python the selection, if filters or another map have changed it or the clips that pass. */
  reportChange() {
    clearTimeout(this.#timer)
    if (!this.loader.clips || !this.report) return
    const now = this.loader.clips.report()
    if (Object.keys(now).some(part => now[part] !== this.report[part])) this.#change("filter")
  }

  /** Tells Python the selection, and draws it. */
  #change(how, more = {}) {
    const { clips } = this.loader
    clearTimeout(this.#timer)
    if (!more.polygon) this.outline = null
    this.#dropFocus(how)
    this.acts.silence()
    this.report = clips.report()
    this.link.say({ kind: "selection", ...this.report, n: clips.count, how, ...more })
    this.toolbar.showCount(clips.count, clips.placed)
    setTimeout(() => this.renderer.redraw("ranks", "overlay", "pointer")) // Streamlit sends the message in its next task: the server then works while we paint
  }

  /** Clears the focus if its clip leaves the selection, as Python does. A filter does not clear a clip that was never selected. */
  #dropFocus(how) {
    const { focus, loader: { clips } } = this
    if (Number.isInteger(focus) && !clips.selected[focus] && (how !== "filter" || clips.kept[focus])) this.focus = null
  }

  close() { clearTimeout(this.#timer) }
}
