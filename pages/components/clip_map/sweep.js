/** Which points of a sweep are heard, and for how long: in the order in which the mouse passed them, each briefly, none before the one before it. No DOM. */

const LEAST_MS = 70 // so long each is heard while others wait
const LONGEST_MS = 260 // so long the last one is heard
const PATIENCE_MS = 1500 // a sound that has not come by then keeps nobody waiting
const MOST_WAITING = 6 // what is heard must not lie far behind the mouse: beyond these the oldest are left out

export class Sweep {
  #waiting = []
  #turn = 0
  #busy = false
  #timer = null
  #silence = null

  /** @param play begins to play a clip, answers (as a promise) whether it sounds; @param stop ends what plays */
  constructor(play, stop) {
    Object.assign(this, { play, stop })
  }

  /** The mouse has come to a point. */
  pass(clip) {
    this.#waiting.push(clip)
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift()
    if (!this.#busy) this.#next()
  }

  /** Forgets what has not been heard yet. */
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
    const sounds = await this.play(this.#waiting.shift())
    if (turn !== this.#turn) return
    if (!sounds) return this.#next()
    // from when it sounds, not from when it was asked for: it may come from far away
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#next(), LEAST_MS)
    this.#silence = setTimeout(() => this.stop(), LONGEST_MS)
  }
}
