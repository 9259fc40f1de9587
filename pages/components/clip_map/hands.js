/**
 * Mouse, finger and keys on the map, put into words: click, enclose, paint, hover, command.
 * A lasso is recorded here, in the coordinates of the map: whatever redraws, resizes or arrives while the hand draws, the stroke stays whole and where it was drawn.
 */
import { BRUSH_PX } from "./marks.js"

const CLICK_PX = 8 // between a click and a drag
const STEP_PX = 1.5 // a lasso has no corners closer than this
const DOUBLE_MS = 400
const NOT_THE_MAP = ".modebar, .clip-map-sheet, .clip-map-problem"
const WRITING = "textarea, iframe, [contenteditable], input:not([type=range], [type=checkbox], [type=radio], [type=button])"
const KEEPS = "[aria-haspopup], [aria-expanded], [role=dialog] *, [data-testid=stPopoverBody] *" // what opens, or is open: the focus stays there

/** Whether somebody is writing, anywhere on the page. */
export const isWriting = () => Boolean(document.activeElement?.closest(WRITING))

export class Hands {
  /**
   * @param map {element, box, hover, around(px, py, radius, visit), clips, view, mode: "lasso", "select" or what Plotly does by itself}
   * @param acts {click(px, py, {op, toggles, twice}), drawn(stroke), paint(mask, op, whether it gives a label), pan(range), counting(count), key(name, event) → whether it meant something, op(name), moved(), released()}
   * @param {Hold} hold is told when the hand is down
   * @param {AbortSignal} signal ends all listening
   */
  constructor(map, acts, hold, signal) {
    Object.assign(this, { map, acts, hold, chosenOp: "new", held: new Set(), start: null, stroke: null, brush: null, pan: null, mouse: null })
    const on = (target, name, act, capture = false) => target.addEventListener(name, act, { signal, capture })
    const { box } = map
    on(box, "pointerdown", event => this.#down(event), true)
    on(document, "pointermove", event => this.#move(event), true)
    on(document, "pointerup", event => this.#up(event), true)
    on(document, "pointercancel", () => this.#drop(), true)
    on(box, "pointerenter", event => event.pointerType === "mouse" && this.#hear())
    on(box, "blur", () => box.classList.remove("clip-map-by-hand"))
    on(box, "pointerleave", event => {
      if (event.pointerType === "touch") return // a finger leaves with every tap: what it asked to hear goes on
      this.mouse = null
      map.hover.leave()
    })
    // Plotly starts its drags from these: not while we draw
    for (const name of ["mousedown", "touchstart"]) {
      on(box, name, event => {
        if (!this.brush && !this.stroke && !this.pan) return
        event.stopImmediatePropagation()
        event.preventDefault()
      }, true)
    }
    on(document, "click", event => event.detail && this.#pressed(event.target.closest?.("button")), true)
    on(map.element, "pointerdown", event => { this.pressed = event.target }, true)
    on(map.element, "keydown", () => { this.pressed = null }, true)
    on(map.element, "change", event => this.pressed === event.target && !event.target.closest(WRITING) && this.#take())
    on(document, "keydown", event => this.#key(event))
    on(document, "keyup", event => this.#release(event))
    on(window, "blur", () => this.#letGo())
    on(document, "visibilitychange", () => document.hidden && map.hover.leave())
  }

  /** How the next lasso works, unless Shift or Alt say otherwise: "new", "add", "and" or "minus". */
  setOp(op) {
    this.chosenOp = op
    this.acts.op(op)
  }

  /** Where the brush is, or null while it is not out. */
  get brushAt() { return this.#brushing ? this.mouse : null }

  /** Whether a key holds the brush out: p selects with it, l labels with it. */
  get #brushing() { return this.held.has("p") || this.held.has("l") }

  /** The lasso or box that is being drawn, {op, kind, points [[x, y] on the map]}; null before it is more than a click. */
  get drawing() { return this.stroke && this.strayed ? this.stroke : null }

  #op(event) {
    if (event.shiftKey && event.altKey) return "and"
    if (event.shiftKey) return "add"
    if (event.altKey) return "minus"
    return this.chosenOp
  }

  #place(event) {
    const { left, top } = this.map.box.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  #down(event) {
    if (event.button !== 0 || !event.isPrimary || event.target.closest(NOT_THE_MAP)) return
    this.#take()
    const [px, py] = this.#place(event)
    // of the window, not of the map: the page may move under the hand
    this.start = [event.clientX, event.clientY]
    this.strayed = false // a lasso that ends where it began is a lasso, not a click
    const op = this.#op(event), { mode, view, clips, box } = this.map
    const ours = clips && view, pans = event.ctrlKey || event.metaKey
    if (!pans) this.hold.down() // what pans wants the map to follow the hand
    if (ours && pans) {
      this.pan = { view, at: [px, py] }
    } else if (ours && this.#brushing) {
      this.brush = { mask: new Uint8Array(clips.n), clips: [], at: [px, py], op, label: this.held.has("l") }
      this.map.hover.leave()
      this.#dab(px, py)
    } else if (ours && (mode === "lasso" || mode === "select")) {
      this.stroke = { op, kind: mode, points: [view.toPlane(px, py)], at: [px, py] }
    }
    if (this.brush || this.stroke || this.pan) box.setPointerCapture(event.pointerId) // also where the hand leaves the window
  }

  #move(event) {
    const [px, py] = this.#place(event)
    if (!event.isPrimary) return
    if (this.start && !event.buttons && event.pointerType === "mouse") this.#up(event) // let go where nobody could tell us
    if (this.brush) {
      const [x, y] = this.brush.at
      const steps = Math.ceil(Math.hypot(px - x, py - y) / (BRUSH_PX / 2))
      for (let step = 1; step <= steps; step++) this.#dab(x + (px - x) * step / steps, y + (py - y) * step / steps)
      this.mouse = this.brush.at = [px, py]
      return this.acts.moved()
    }
    if (this.start && this.#way(event) >= CLICK_PX) this.strayed = true
    const { hover } = this.map
    if (this.pan) {
      if (!this.strayed) return
      hover.leave()
      const { view, at } = this.pan
      return this.acts.pan(view.dragged(px - at[0], py - at[1]))
    }
    if (this.stroke) {
      if (this.strayed) hover.leave()
      return this.#draw(event)
    }
    const inside = this.map.box.contains(event.target) && !event.target.closest(NOT_THE_MAP)
    this.mouse = inside ? [px, py] : null
    if (this.#brushing) this.acts.moved()
    if (!inside || event.buttons || event.pointerType === "touch" || this.#brushing) {
      const stillAClick = this.start && !this.strayed
      return stillAClick ? undefined : hover.leave()
    }
    // while sweeping, the browser's bundled moves are taken one by one: no point on the way is left out
    const way = hover.sweeping ? event.getCoalescedEvents?.() ?? [] : []
    for (const passed of way.length ? way : [event]) hover.move(...this.#place(passed))
  }

  #draw(event) {
    const { stroke, map } = this
    // the browser bundles the moves of a frame: a lasso goes through all of them
    const way = event.getCoalescedEvents?.() ?? []
    for (const passed of way.length ? way : [event]) {
      const [px, py] = this.#place(passed)
      if (Math.hypot(px - stroke.at[0], py - stroke.at[1]) < STEP_PX) continue
      stroke.at = [px, py]
      if (stroke.kind === "select") stroke.points.length = 1
      stroke.points.push(map.view.toPlane(px, py))
    }
    this.acts.moved()
  }

  #dab(px, py) {
    const { mask, clips } = this.brush
    this.map.around(px, py, BRUSH_PX, clip => {
      if (mask[clip] || !this.map.clips.shown[clip]) return
      mask[clip] = 1
      clips.push(clip)
    })
    this.acts.counting(clips.length)
  }

  #up(event) {
    const { start, brush, stroke } = this
    if (!start || !event.isPrimary) return
    const far = this.strayed || this.#way(event) >= CLICK_PX
    if (stroke) this.#draw(event)
    this.stroke = null
    this.#lift()
    if (brush) return this.acts.paint(brush.mask, brush.op, brush.label)
    if (far) return stroke && this.acts.drawn(stroke)
    const twice = event.timeStamp - (this.clicked ?? -Infinity) < DOUBLE_MS
    this.clicked = event.timeStamp
    this.acts.click(...this.#place(event), { op: this.#op(event), toggles: event.shiftKey && !event.altKey, twice })
  }

  #way(event) {
    return Math.hypot(event.clientX - this.start[0], event.clientY - this.start[1])
  }

  /** Forgets what the hand was about to do. */
  #drop() {
    this.stroke = null
    this.#lift()
  }

  #lift() {
    this.start = this.brush = this.pan = null
    this.hold.up()
    this.acts.released()
  }

  /** Keys are ours only while the map or nothing has the focus, and never while somebody writes. */
  #mine(event) {
    const active = document.activeElement
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.isComposing) return false
    if (active && active !== document.body && !this.map.element.contains(active)) return false
    return !active?.closest?.("input, textarea, select, [contenteditable]")
  }

  /** The mouse has come to the map from a control: keys are for the map now. Whoever writes goes on writing. */
  #hear() {
    const { activeElement } = document
    if (!activeElement || activeElement === document.body || activeElement === this.map.box) return
    if (!isWriting()) this.#take()
  }

  /** A button was pressed by a hand, which goes back to the map: keys that follow are not for the button. Whoever pressed it by a key goes on from there. */
  #pressed(button) {
    if (!button) return
    if (this.map.element.contains(button)) this.#take()
    else if (!button.matches(KEEPS)) button.blur()
  }

  #take() {
    this.map.box.classList.add("clip-map-by-hand") // no focus ring for a mouse
    this.map.box.focus({ preventScroll: true })
  }

  #key(event) {
    if (event.key === "Shift" || event.key === "Alt") this.acts.op(this.#op(event))
    if (event.key === "Escape" && this.start) return this.#drop()
    if (!this.#mine(event)) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if ((key === " " || key === "Enter") && document.activeElement?.tagName === "BUTTON") return // it presses the button
    if ((key === "s" || key === "p" || key === "l") && !event.altKey) {
      if (event.repeat) return
      this.held.add(key)
      if (key === "s") this.map.hover.sweep(true)
      else this.map.hover.leave()
      this.#heldChanged()
    } else if (event.repeat || event.altKey || !this.acts.key(key)) {
      return
    }
    event.preventDefault()
  }

  #release(event) {
    if (event.key === "Shift" || event.key === "Alt") this.acts.op(this.#op(event))
    const key = event.key.toLowerCase()
    if (!this.held.delete(key)) return
    if (key === "s") this.map.hover.sweep(false)
    this.#heldChanged()
  }

  #heldChanged() {
    this.map.box.classList.toggle("clip-map-painting", this.#brushing)
    this.acts.moved()
  }

  #letGo() {
    this.held.clear()
    this.map.hover.sweep(false)
    this.map.hover.leave()
    this.acts.op(this.chosenOp)
    this.#heldChanged()
  }
}
