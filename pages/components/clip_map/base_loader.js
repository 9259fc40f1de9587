/** Loads the base of a map, where each clip lies, and with it the Clips that all other parts work on. No DOM. */
import { Clips } from "./clips.js"
import { decodeBase } from "./codec.js"

const RETRY_MS = 2500 // a map that the server did not know is asked for once more after so long

export class BaseLoader {
  #request = null
  #unknown = null // the address that the server did not know
  #retry = null

  /** The clips of the map that is loaded; null before the first map of a dataset. */
  clips = null

  /** The addresses of the map that is drawn, and of the one that was asked for last. */
  shownMap = null
  loadingMap = null

  /**
   * @param parts {link; lock, no map is exchanged under a hand; problem, where what goes wrong is said; signal ends everything}
   * @param acts {axes() → the keys {x, y} to be drawn; bundle() → a promise of Plotly; style() → a promise of the style sheet;
   *   busy(on); open(clips, address, axes), the clips are here; draw(Plotly) → a promise, the axes can be drawn}
   */
  constructor({ link, lock, problem, signal }, acts) {
    Object.assign(this, { link, lock, problem, signal, acts })
  }

  /** Loads the map of the last run; one that is still on its way is given up. */
  async load() {
    this.#request?.abort()
    const { signal } = this.#request = new AbortController()
    const over = () => signal.aborted || this.signal.aborted
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
      if (over()) return
      this.clips = new Clips(base, this.clips ?? undefined)
      this.shownMap = map.href
      this.acts.open(this.clips, map.href, { x, y })
      const Plotly = await bundle
      await this.lock.free()
      if (over()) return
      await this.acts.draw(Plotly)
      this.acts.busy(false)
    } catch (error) {
      if (!over()) this.problem.show(`The map could not be loaded: ${error.message}.`, "Try again", () => this.load())
    }
  }

  /** A map that is not there any more has been replaced while the page was on its way: a run brings the new address. */
  #miss(address) {
    this.#unknown = address
    this.link.say({ kind: "gone" })
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.signal.aborted || this.shownMap === this.loadingMap || this.load(), RETRY_MS)
  }

  /** Another dataset comes: its clips have nothing to do with those that were here. */
  forget() { this.clips = null }

  close() {
    this.#request?.abort()
    clearTimeout(this.#retry)
  }
}
