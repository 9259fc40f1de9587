/** Mouse, finger and keys on the map, put into words: click, enclose, paint, hover, command. Plotly draws lasso and box; here is known how they were meant. */
import { BRUSH_PX } from "./marks.js"

const CLICK_PX = 8 // Plotly's own bound between a click and a drag
const NOT_THE_MAP = ".modebar, .clip-map-sheet, .clip-map-problem"

export class Hands {
  /**
   * @param map {element, box, hover, around(px, py, radius, visit), clips}
   * @param acts {click(px, py, event), drawn(), paint(mask, op), counting(count), key(name, event) → whether it meant something, op(name), moved(), released()}
   * @param {Hold} hold is told when the hand is down
   * @param {AbortSignal} signal ends all listening
   */
  constructor(map, acts, hold, signal) {
    Object.assign(this, { map, acts, hold, chosenOp: "new", held: new Set(), start: null, stroke: null, brush: null, mouse: null })
    const on = (target, name, act, capture = false) => target.addEventListener(name, act, { signal, capture })
    const { box } = map
    on(box, "pointerdown", event => this.#down(event), true)
    on(document, "pointermove", event => this.#move(event), true)
    on(document, "pointerup", event => this.#up(event), true)
    on(document, "pointercancel", () => {
      this.stroke = null
      this.#lift()
    }, true)
    on(box, "blur", () => box.classList.remove("clip-map-by-hand"))
    on(box, "pointerleave", event => {
      if (event.pointerType === "touch") return // a finger leaves with every tap: what it asked to hear goes on
      this.mouse = null
      map.hover.leave()
    })
    // Plotly starts its drags from these: not while the brush is out
    for (const name of ["mousedown", "touchstart"]) {
      on(box, name, event => {
        if (!this.brush) return
        event.stopImmediatePropagation()
        event.preventDefault()
      }, true)
    }
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
  get brushAt() { return this.held.has("p") ? this.mouse : null }

  /** How a finished lasso or box was meant; null if it is no stroke of the hand, or was taken already. */
  takeStroke() {
    const { stroke } = this
    this.stroke = null
    return stroke
  }

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
    this.map.box.classList.add("clip-map-by-hand") // no focus ring for a mouse
    this.map.box.focus({ preventScroll: true })
    const [px, py] = this.#place(event)
    // of the window, not of the map: the page may move under the hand
    this.start = [event.clientX, event.clientY]
    this.hold.down()
    this.strayed = false // a lasso that ends where it began is a lasso, not a click
    this.stroke = { op: this.#op(event) }
    if (this.held.has("p") && this.map.clips) {
      this.brush = { mask: new Uint8Array(this.map.clips.n), clips: [], at: [px, py], op: this.takeStroke().op }
      this.map.hover.leave()
      this.#dab(px, py)
    }
  }

  #move(event) {
    const [px, py] = this.#place(event)
    if (this.start && !event.buttons && event.pointerType === "mouse") this.#lift() // let go where nobody could tell us
    if (this.brush) {
      const [x, y] = this.brush.at
      const steps = Math.ceil(Math.hypot(px - x, py - y) / (BRUSH_PX / 2))
      for (let step = 1; step <= steps; step++) this.#dab(x + (px - x) * step / steps, y + (py - y) * step / steps)
      this.mouse = this.brush.at = [px, py]
      return this.acts.moved()
    }
    if (this.start && this.#way(event) >= CLICK_PX) this.strayed = true
    const { hover } = this.map
    const inside = this.map.box.contains(event.target) && !event.target.closest(NOT_THE_MAP)
    this.mouse = inside ? [px, py] : null
    if (this.held.has("p")) this.acts.moved()
    if (!inside || event.buttons || event.pointerType === "touch" || this.held.has("p")) {
      const stillAClick = this.start && !this.strayed
      return stillAClick ? undefined : hover.leave()
    }
    // while sweeping, the browser's bundled moves are taken one by one: no point on the way is left out
    const way = hover.sweeping ? event.getCoalescedEvents?.() ?? [] : []
    for (const passed of way.length ? way : [event]) hover.move(...this.#place(passed))
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
    const { start, brush } = this
    const far = start && this.#way(event) >= CLICK_PX
    if (start) this.#lift()
    if (brush) return this.acts.paint(brush.mask, brush.op)
    if (!start) return
    if (this.strayed || far) return this.acts.drawn()
    this.stroke = null
    this.acts.click(...this.#place(event), event)
  }

  #way(event) {
    return Math.hypot(event.clientX - this.start[0], event.clientY - this.start[1])
  }

  #lift() {
    this.start = this.brush = null
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

  #key(event) {
    if (event.key === "Shift" || event.key === "Alt") this.acts.op(this.#op(event))
    if (!this.#mine(event)) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (key === " " && document.activeElement?.tagName === "BUTTON") return // it presses the button
    if ((key === "s" || key === "p") && !event.altKey) {
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
    this.map.box.classList.toggle("clip-map-painting", this.held.has("p"))
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
