/**
 * Draws the layers that have changed, with the next frame: the points, and over them two canvases of overlays.
 * During a gesture, points and legend wait: the lasso needs the time, and a legend that grows would move the map.
 */
import { fillColours, fillRanks, strengthsOf } from "./colours.js"
import { drawOverlay, drawPointer } from "./overlays.js"
import { colourOf, css, mix, themeOf } from "./paint.js"

const WAITING = ["legend", "colours", "ranks", "points"]
const QUICK_MS = 30 // if a painting takes longer, the last one is moved and scaled until the map stands still
const STILL_MS = 90

export class Renderer {
  #layers = {} // layers that have changed
  #frame = null
  #sharpen = null
  #closed = false

  /** How the page looks: {ground, ink, grey} [red, green, blue], accent any CSS colour. */
  theme = null

  /** The number of paintings, and the end of the last one (performance.now()). */
  paints = 0
  paintedAt = null

  /**
   * @param parts {painter of the points; canvases {overlay, pointer}; loader {clips}; viewport {view, pixel}; lock}
   * @param acts {facet() → the facet of the colours; overlays() → the arguments of overlays.js, with the `stroke` of a gesture; count(stroke), called while a lasso is drawn; panels(), shows counts and legend; dress(theme)}
   */
  constructor({ painter, canvases, loader, viewport, lock }, acts) {
    Object.assign(this, { painter, canvases, loader, viewport, lock, acts })
  }

  /** A map of `n` clips was loaded. */
  open(n) {
    this.colours = new Uint32Array(n)
    this.ranks = new Uint8Array(n)
  }

  /** Reads the page's colours, and draws again if they have changed. */
  readTheme(element) {
    const { ground, ink } = themeOf(element)
    const accent = css(colourOf(getComputedStyle(element).getPropertyValue("--st-primary-color").trim(), "#ff4b4b"))
    const key = String([ground, ink, accent])
    if (key === this.theme?.key) return
    this.theme = { key, ground, ink, accent, grey: mix(ground, ink, 0.48) }
    this.redraw("colours", "legend", "overlay", "pointer")
    this.acts.dress(this.theme)
  }

  /** Draws layers again with the next frame: "colours" includes "ranks", which includes "points"; "view" (blurred while it moves); "overlay"; "pointer"; "legend". */
  redraw(...layers) {
    for (const layer of layers) this.#layers[layer] = true
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null
      if (!this.#closed) this.#draw()
    })
  }

  /** Draws the changed layers without waiting for a frame. */
  drawNow() {
    cancelAnimationFrame(this.#frame)
    this.#frame = null
    this.#draw()
  }

  /** Whether a layer waits to be drawn, and whether a frame is requested. */
  waits(layer) { return Boolean(this.#layers[layer]) }
  get waitsForFrame() { return this.#frame !== null }

  #draw() {
    const { canvases, loader: { clips }, viewport: { view }, painter, theme } = this, layers = this.#layers
    if (!clips || !view) return
    this.#layers = {}
    if (this.lock.drawing) {
      this.#layers = Object.fromEntries(WAITING.map(layer => [layer, layers[layer]]))
      for (const layer of WAITING) layers[layer] = false
    }
    const facet = this.acts.facet()
    if (layers.legend) this.acts.panels()
    if (layers.colours) {
      fillColours(this.colours, facet, theme)
      this.strengths = strengthsOf(facet)
    }
    if (layers.colours || layers.ranks) fillRanks(this.ranks, clips, facet)
    if (layers.colours || layers.ranks || layers.points || layers.sharp) this.#paint()
    else if (layers.view) {
      clearTimeout(this.#sharpen)
      if (painter.took < QUICK_MS) this.#paint()
      else {
        painter.show(view, theme)
        this.#sharpen = setTimeout(() => this.redraw("sharp"), STILL_MS)
      }
    }
    if (layers.overlay) drawOverlay(canvases.overlay, this.#overlays())
    if (layers.pointer) {
      const overlays = this.#overlays()
      if (overlays.stroke && !overlays.dabs) this.acts.count(overlays.stroke)
      drawPointer(canvases.pointer, overlays)
    }
  }

  #paint() {
    clearTimeout(this.#sharpen)
    this.painter.paint(this.loader.clips, this.viewport.view, this.theme, this.colours, this.ranks, this.strengths)
    this.paints++
    this.paintedAt = performance.now()
  }

  #overlays() {
    const { viewport, theme, loader: { clips }, painter: { radius = 3 } } = this
    return { view: viewport.view, theme, clips, radius, pixel: clip => viewport.pixel(clip), ...this.acts.overlays() }
  }

  close() {
    this.#closed = true
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#sharpen)
  }
}
