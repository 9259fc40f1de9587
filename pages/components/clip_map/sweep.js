/** A sweep: plays the points that the mouse passes, briefly and one after another. No DOM. */

const LEAST_MS = 70 // playing time of each clip while others wait
const LONGEST_MS = 260 // playing time of the last clip
const PATIENCE_MS = 1500 // longest wait for a sound before the next one
const MOST_WAITING = 6 // of more waiting clips the oldest are left out, so that the sound does not lag far behind the mouse

export class Sweep {
  #waiting = []
  #turn = 0
  #busy = false
  #timer = null
  #silence = null

  /** @param play starts a clip, and resolves to whether it plays; @param stop stops it */
  constructor(play, stop) {
    Object.assign(this, { play, stop })
  }

  /** Call this when the mouse reaches a point. */
  pass(clip) {
    this.#waiting.push(clip)
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift()
    if (!this.#busy) this.#next()
  }

  /** Ends the sweep: clips that wait are not played. */
  end() {
    this.#turn++
    this.#waiting.length = 0
    this.#busy = false
    clearTimeout(this.#timer)
    clearTimeout(this.#silence)
  }

  async #next() {
    clearTimeout(this.#timer)
    this.#busy = this.#waiting.length > 0
    if (!this.#busy) return
    clearTimeout(this.#silence)
    const turn = ++this.#turn
    this.#timer = setTimeout(() => this.#next(), PATIENCE_MS)
    const plays = await this.play(this.#waiting.shift())
    if (turn !== this.#turn) return
    if (!plays) return this.#next()
    // count from the start of the sound, not from the request: loading may take time
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#next(), LEAST_MS)
    this.#silence = setTimeout(() => this.stop(), LONGEST_MS)
  }
}
