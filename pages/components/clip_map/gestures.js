/**
 * Turns events of mouse, finger and keyboard on the map into gestures: click, enclose, paint, hover, command.
 * A lasso is recorded here in the coordinates of the map, so it stays complete and in its place if the map is redrawn or resized meanwhile.
 */
import { BRUSH_PX } from "./overlays.js"

const CLICK_PX = 8 // a longer way is a drag, not a click
const STEP_PX = 1.5 // least distance of the corners of a lasso
const DOUBLE_MS = 400
const NOT_THE_MAP = ".modebar, .clip-map-sheet, .clip-map-problem"
const WRITING = "textarea, iframe, [contenteditable], input:not([type=range], [type=checkbox], [type=radio], [type=button])"
const OPEN = "[data-testid=stPopoverBody]" // a run of the page might close these
const KEEPS = "[aria-haspopup], [aria-expanded], [role=dialog] *, [data-testid=stPopoverBody] *" // these open, or are open: the focus stays there

/** Whether the person is typing, anywhere on the page. */
const isWriting = () => Boolean(document.activeElement?.closest(WRITING))

/** Whether a run of the page would disturb the person now, or the page is hidden. */
export const wouldDisturb = lock => Boolean(document.hidden || lock.drawing || isWriting() || document.querySelector(OPEN))

export class Gestures {
  /**
   * @param surface {element; box; hover; loader {clips}; viewport {view, around}; frame {dragmode: "lasso", "select" or a mode of Plotly's own};
   *   lock, locked during a gesture; signal, removes all listeners}
   * @param acts {click(px, py, {op, toggles, twice}), enclose(stroke), paint(mask, op, whether it gives a label), pan(range), count(n), key(name) → whether the key has a meaning, showOp(name), redraw(), release(), clickElsewhere(button)}
   */
  constructor(surface, acts) {
    Object.assign(this, { surface, acts, lock: surface.lock, op: "new", keysDown: new Set(), start: null, stroke: null, brush: null, pan: null, mouse: null })
    const { element, box, hover, signal } = surface
    const on = (target, name, act, capture = false) => target.addEventListener(name, act, { signal, capture })
    on(box, "pointerdown", event => this.#down(event), true)
    on(document, "pointermove", event => this.#move(event), true)
    on(document, "pointerup", event => this.#up(event), true)
    on(document, "pointercancel", () => this.#drop(), true)
    on(box, "pointerenter", event => event.pointerType === "mouse" && this.#hear())
    on(box, "blur", () => box.classList.remove("clip-map-by-hand"))
    on(box, "pointerleave", event => {
      if (event.pointerType === "touch") return // a finger leaves after every tap: its sound keeps playing
      this.mouse = null
      hover.leave()
    })
    // Plotly starts its drags on these events: stop them during our gestures
    for (const name of ["mousedown", "touchstart"]) {
      on(box, name, event => {
        if (!this.brush && !this.stroke && !this.pan) return
        event.stopImmediatePropagation()
        event.preventDefault()
      }, true)
    }
    on(document, "click", event => this.#click(event), true)
    on(element, "pointerdown", event => { this.pressTarget = event.target }, true)
    on(element, "keydown", () => { this.pressTarget = null }, true)
    on(element, "change", event => this.pressTarget === event.target && !event.target.closest(WRITING) && this.#take())
    on(document, "keydown", event => this.#key(event))
    on(document, "keyup", event => this.#release(event))
    on(window, "blur", () => this.#letGo())
    on(document, "visibilitychange", () => document.hidden && hover.leave())
  }

  /** Sets how the next lasso changes the selection, if neither Shift nor Alt is held: "new", "add", "and" or "minus". */
  setOp(op) {
    this.op = op
    this.acts.showOp(op)
  }

  /** The place of the brush, or null while it is not in use. */
  get brushAt() { return this.#brushing ? this.mouse : null }

  /** Whether a key for the brush is held: p selects, l labels. */
  get #brushing() { return this.keysDown.has("p") || this.keysDown.has("l") }

  /** The lasso or box that is being drawn, {op, kind, points [[x, y] on the map]}; null before it is more than a click. */
  get drawing() { return this.stroke && this.isDrag ? this.stroke : null }

  #opOf(event) {
    if (event.shiftKey && event.altKey) return "and"
    if (event.shiftKey) return "add"
    if (event.altKey) return "minus"
    return this.op
  }

  #place(event) {
    const { left, top } = this.surface.box.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  #down(event) {
    if (event.button !== 0 || !event.isPrimary || event.target.closest(NOT_THE_MAP)) return
    this.#take()
    const [px, py] = this.#place(event)
    // in the window, not on the map: the page may move during the gesture
    this.start = [event.clientX, event.clientY]
    this.isDrag = false // a lasso that ends where it began is a lasso, not a click
    const op = this.#opOf(event), { box, hover, loader: { clips }, viewport: { view }, frame: { dragmode } } = this.surface
    const ours = clips && view, pans = event.ctrlKey || event.metaKey
    if (!pans) this.lock.down() // a map that is panned must follow the hand
    if (ours && pans) {
      this.pan = { view, at: [px, py] }
    } else if (ours && this.#brushing) {
      this.brush = { mask: new Uint8Array(clips.n), clips: [], at: [px, py], op, label: this.keysDown.has("l") }
      hover.leave()
      this.#dab(px, py)
    } else if (ours && (dragmode === "lasso" || dragmode === "select")) {
      this.stroke = { op, kind: dragmode, points: [view.toPlane(px, py)], at: [px, py] }
    }
    if (this.brush || this.stroke || this.pan) box.setPointerCapture(event.pointerId) // also outside the window
  }

  #move(event) {
    const [px, py] = this.#place(event)
    if (!event.isPrimary) return
    if (this.start && !event.buttons && event.pointerType === "mouse") this.#up(event) // released outside the page
    if (this.brush) {
      const [x, y] = this.brush.at
      const steps = Math.ceil(Math.hypot(px - x, py - y) / (BRUSH_PX / 2))
      for (let step = 1; step <= steps; step++) this.#dab(x + (px - x) * step / steps, y + (py - y) * step / steps)
      this.mouse = this.brush.at = [px, py]
      return this.acts.redraw()
    }
    if (this.start && this.#way(event) >= CLICK_PX) this.isDrag = true
    const { hover } = this.surface
    if (this.pan) {
      if (!this.isDrag) return
      hover.leave()
      const { view, at } = this.pan
      return this.acts.pan(view.dragged(px - at[0], py - at[1]))
    }
    if (this.stroke) {
      if (this.isDrag) hover.leave()
      return this.#draw(event)
    }
    const inside = this.surface.box.contains(event.target) && !event.target.closest(NOT_THE_MAP)
    this.mouse = inside ? [px, py] : null
    if (this.#brushing) this.acts.redraw()
    if (!inside || event.buttons || event.pointerType === "touch" || this.#brushing) {
      const stillAClick = this.start && !this.isDrag
      return stillAClick ? undefined : hover.leave()
    }
    // during a sweep, handle each move that the browser has bundled, so that no point is left out
    const way = hover.sweeping ? event.getCoalescedEvents?.() ?? [] : []
    for (const step of way.length ? way : [event]) hover.move(...this.#place(step))
  }

  #draw(event) {
    const { stroke, surface: { viewport } } = this
    // the browser bundles the moves of a frame: a lasso needs all of them
    const way = event.getCoalescedEvents?.() ?? []
    for (const step of way.length ? way : [event]) {
      const [px, py] = this.#place(step)
      if (Math.hypot(px - stroke.at[0], py - stroke.at[1]) < STEP_PX) continue
      stroke.at = [px, py]
      if (stroke.kind === "select") stroke.points.length = 1
      stroke.points.push(viewport.view.toPlane(px, py))
    }
    this.acts.redraw()
  }

  #dab(px, py) {
    const { brush: { mask, clips }, surface: { loader, viewport } } = this
    viewport.around(px, py, BRUSH_PX, clip => {
      if (mask[clip] || !loader.clips.shown[clip]) return
      mask[clip] = 1
      clips.push(clip)
    })
    this.acts.count(clips.length)
  }

  #up(event) {
    const { start, brush, stroke } = this
    if (!start || !event.isPrimary) return
    const far = this.isDrag || this.#way(event) >= CLICK_PX
    if (stroke) this.#draw(event)
    this.stroke = null
    this.#lift()
    if (brush) return this.acts.paint(brush.mask, brush.op, brush.label)
    if (far) return stroke && this.acts.enclose(stroke)
    const twice = event.timeStamp - (this.lastClick ?? -Infinity) < DOUBLE_MS
    this.lastClick = event.timeStamp
    this.acts.click(...this.#place(event), { op: this.#opOf(event), toggles: event.shiftKey && !event.altKey, twice })
  }

  #way(event) {
    return Math.hypot(event.clientX - this.start[0], event.clientY - this.start[1])
  }

  /** Cancels the gesture. */
  #drop() {
    this.stroke = null
    this.#lift()
  }

  #lift() {
    this.start = this.brush = this.pan = null
    this.lock.up()
    this.acts.release()
  }

  /** Whether a key is for the map: the map or no element has the focus, and the person is not typing. */
  #mine(event) {
    const active = document.activeElement
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.isComposing) return false
    if (active && active !== document.body && !this.surface.element.contains(active)) return false
    return !active?.closest?.("input, textarea, select, [contenteditable]")
  }

  /** The mouse has moved to the map: it takes the focus, and so the keys, unless the person is typing. */
  #hear() {
    const { activeElement } = document
    if (!activeElement || activeElement === document.body || activeElement === this.surface.box) return
    if (!isWriting()) this.#take()
  }

  #click(event) {
    const button = event.target.closest?.("button")
    if (!button) return
    if (event.detail) this.#returnFocus(button)
    if (!this.surface.element.contains(event.target)) this.acts.clickElsewhere(button)
  }

  /** After a click on a button the focus returns to the map, so that keys do not press the button again. A button pressed by a key keeps it. */
  #returnFocus(button) {
    if (this.surface.element.contains(button)) this.#take()
    else if (!button.matches(KEEPS)) button.blur()
  }

  #take() {
    this.surface.box.classList.add("clip-map-by-hand") // no focus ring for a mouse
    this.surface.box.focus({ preventScroll: true })
  }

  #key(event) {
    if (event.key === "Shift" || event.key === "Alt") this.acts.showOp(this.#opOf(event))
    if (event.key === "Escape" && this.start) return this.#drop()
    if (!this.#mine(event)) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if ((key === " " || key === "Enter") && document.activeElement?.tagName === "BUTTON") return // the key presses the button
    if ((key === "s" || key === "p" || key === "l") && !event.altKey) {
      if (event.repeat) return
      this.keysDown.add(key)
      if (key === "s") this.surface.hover.sweep(true)
      else this.surface.hover.leave()
      this.#showBrush()
    } else if (event.repeat || event.altKey || !this.acts.key(key)) {
      return
    }
    event.preventDefault()
  }

  #release(event) {
    if (event.key === "Shift" || event.key === "Alt") this.acts.showOp(this.#opOf(event))
    const key = event.key.toLowerCase()
    if (!this.keysDown.delete(key)) return
    if (key === "s") this.surface.hover.sweep(false)
    this.#showBrush()
  }

  #showBrush() {
    this.surface.box.classList.toggle("clip-map-painting", this.#brushing)
    this.acts.redraw()
  }

  #letGo() {
    this.keysDown.clear()
    this.surface.hover.sweep(false)
    this.surface.hover.leave()
    this.acts.showOp(this.op)
    this.#showBrush()
  }
}
