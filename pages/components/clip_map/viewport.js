/**
 * The visible part of the map, the size of its box, and the clips near a point of it.
 * The zoom of each map is remembered by the map's address, for when the person comes back.
 */
import { extentOf, Grid } from "./geometry.js"
import { View } from "./paint.js"
import { whole } from "./plotly_frame.js"

const LEAST_HEIGHT_PX = 420
const zooms = new Map() // ranges by address of the base

export class Viewport {
  /** Height of the map in CSS pixels; null: down to the end of the window. */
  height = null

  /** The visible ranges {x, y}; null before the first map. */
  range = null

  /** The View of that range in a box of this size; null before there is one. */
  view = null

  #size = null
  #grid = null
  #zoomKey = null

  /**
   * @param parts {element, the whole map; box, the part with the points; loader {clips}; frame {goTo(range), resize(size)}; lock, changes of size wait for the end of a gesture}
   * @param acts {move(), called when the range changes; resize(), called when the size changes}
   */
  constructor({ element, box, loader, frame, lock }, acts) {
    Object.assign(this, { element, box, loader, frame, lock, acts })
  }

  /** Follows changes of the size of window and box. */
  watch(signal) {
    addEventListener("resize", () => this.resize(), { signal })
    const observer = new ResizeObserver(() => this.resize())
    observer.observe(this.box)
    signal.addEventListener("abort", () => observer.disconnect())
  }

  /** A map was loaded: shows the zoom of the last visit, or all of it. */
  open(base, address) {
    this.#grid = null
    this.#zoomKey = zoomKey(address)
    this.range = zooms.get(this.#zoomKey) ?? whole(base)
    this.#measure()
  }

  /** Shows another range {x, y}. */
  show(range) {
    if (!this.loader.clips) return
    this.range = range
    zooms.set(this.#zoomKey, range)
    this.#look()
    this.acts.move()
  }

  showAll() { this.frame.goTo(whole(this.loader.clips.base)) }

  showSelection() {
    const { clips } = this.loader
    if (!clips?.count) return
    let [x0, x1, y0, y1] = extentOf(clips.base, clip => clips.selected[clip] && clips.shown[clip])
    if (x0 > x1) return
    // a single clip has no extent: show a twentieth of the map around it
    const leastX = (clips.base.x1 - clips.base.x0) / 40, leastY = (clips.base.y1 - clips.base.y0) / 40
    if (x1 - x0 < leastX) { x0 -= leastX; x1 += leastX }
    if (y1 - y0 < leastY) { y0 -= leastY; y1 += leastY }
    this.frame.goTo(whole({ x0, x1, y0, y1 }))
  }

  setHeight(height) {
    this.height = height
    this.lock.run("height", () => {
      this.element.style.setProperty("--clip-map-height", this.height ? `${this.height}px` : "auto")
      this.#fill()
    })
  }

  /** Window or box may have changed their size. */
  resize() {
    this.lock.run("size", () => {
      this.#fill()
      this.#measure()
      if (!this.view) return
      this.frame.resize(this.view)
      this.acts.resize()
    })
  }

  /** Without a height the map ends where the window ends. */
  #fill() {
    if (this.height) return
    const top = this.element.getBoundingClientRect().top + (this.element.closest("section")?.scrollTop ?? scrollY)
    this.element.style.setProperty("--clip-map-height", `${Math.max(LEAST_HEIGHT_PX, Math.floor(innerHeight - Math.min(top, innerHeight / 2) - 16))}px`)
  }

  /** Reads the size of the box, which all drawings then use until the next call. */
  #measure() {
    const { clientWidth: width, clientHeight: height } = this.box
    this.#size = width && height ? { width, height } : null
    this.box.style.setProperty("--clip-map-wide", `${width}px`)
    this.box.style.setProperty("--clip-map-high", `${height}px`)
    this.#look()
  }

  #look() {
    if (this.range && this.#size) this.view = new View(this.range.x, this.range.y, this.#size.width, this.#size.height)
  }

  /** The pixel of a clip, from the top left corner of the map. */
  pixel(clip) {
    const { places, xs, ys } = this.loader.clips.base
    return this.view.toPixel(xs[places[2 * clip]], ys[places[2 * clip + 1]])
  }

  /** The `k` nearest shown clips within `radius` pixels. */
  near(px, py, radius, k) {
    const { clips } = this.loader
    return clips && this.view ? this.grid.nearest(...this.#steps(px, py), radius, k, clips.shown) : []
  }

  /** Calls visit(clip) for each clip within `radius` pixels. */
  around(px, py, radius, visit) {
    this.grid.around(...this.#steps(px, py), radius, visit)
  }

  /** The clips in a grid of cells, built when first needed. */
  get grid() { return this.#grid ??= new Grid(this.loader.clips.base) }

  /** Call this when the places of clips have changed. */
  forgetGrid() { this.#grid = null }

  #steps(px, py) {
    const { x0, x1, y0, y1 } = this.loader.clips.base, { view } = this
    const [x, y] = view.toPlane(px, py)
    const perX = (x1 - x0 || 1) / 65534 * view.width / (view.x1 - view.x0), perY = (y1 - y0 || 1) / 65534 * view.height / (view.y1 - view.y0)
    return [(x - x0) / (x1 - x0 || 1) * 65534, (y - y0) / (y1 - y0 || 1) * 65534, perX, perY]
  }
}

/** The key of a remembered zoom: the address of a base without its number of clips, which may grow. */
function zoomKey(address) {
  const map = new URL(address)
  map.searchParams.delete("clips")
  return map.href
}
