/** Loads the base of a map (the places of all clips), and makes the Clips that all other parts use. No DOM. */
import { Clips } from "./clips.js"
import { decodeBase } from "./codec.js"

const RETRY_MS = 2500 // a map that the server did not know is requested once more after this time

export class BaseLoader {
  #request = null
  #unknown = null // address that the server did not know
  #retry = null

  /** The clips of the map that is loaded; null before the first map of a dataset. */
  clips = null

  /** The address of the map that is drawn, and of the map that was requested last. */
  shownMap = null
  loadingMap = null

  /**
   * @param parts {link; lock, maps are not exchanged during a gesture; problem, shows errors; signal, ends everything}
   * @param acts {axes() → the keys {x, y} of the axes; bundle() → a promise of Plotly; style() → a promise of the style sheet;
   *   busy(on); open(clips, address, axes), called with the clips; draw(Plotly) → a promise, draws the axes}
   */
  constructor({ link, lock, problem, signal }, acts) {
    Object.assign(this, { link, lock, problem, signal, acts })
  }

  /** Loads the map of the last run, and cancels a request that is still running. */
  async load() {
    this.#request?.abort()
    const { signal } = this.#request = new AbortController()
    const cancelled = () => signal.aborted || this.signal.aborted
    const { x, y } = this.acts.axes()
    const map = this.link.address(this.link.data.map)
    if (x !== "0" || y !== "1") for (const [axis, key] of [["x", x], ["y", y]]) map.searchParams.set(axis, key)
    this.problem.hide()
    this.loadingMap = map.href
    this.acts.busy(true)
    try {
      const bundle = this.acts.bundle()
      bundle.catch(() => {}) // awaited below; a base that fails first must not leave this one unhandled
      const response = await fetch(map, { signal })
      if (!response.ok && this.#unknown !== map.href) return this.#miss(map.href)
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      const base = decodeBase(await response.arrayBuffer())
      await this.acts.style()
      await this.lock.free()
      if (cancelled()) return
      this.clips = new Clips(base, this.clips ?? undefined)
      this.shownMap = map.href
      this.acts.open(this.clips, map.href, { x, y })
      const Plotly = await bundle
      await this.lock.free()
      if (cancelled()) return
      await this.acts.draw(Plotly)
      this.acts.busy(false)
    } catch (error) {
      if (!cancelled()) this.problem.show(`The map could not be loaded: ${error.message}.`, "Try again", () => this.load())
    }
  }

  /** The server does not know the map: it has been replaced since the page was sent. Asks for a run, which brings the new address. */
  #miss(address) {
    this.#unknown = address
    this.link.say({ kind: "gone" })
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.signal.aborted || this.shownMap === this.loadingMap || this.load(), RETRY_MS)
  }

  /** Call this before another dataset is loaded: its clips have nothing in common with the current ones. */
  forget() { this.clips = null }

  close() {
    this.#request?.abort()
    clearTimeout(this.#retry)
  }
}
