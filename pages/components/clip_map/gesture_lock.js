/** What must wait while the hand draws: nothing moves or grows under a lasso, and its frames are not late. No DOM. */

const AFTER_MS = 150 // one stroke often follows another

export class GestureLock {
  #waiting = new Map()
  #timer = null

  /** Whether a finger or button is down on the map. */
  drawing = false

  /** The hand goes down: from now on everything waits. */
  down() {
    clearTimeout(this.#timer)
    this.#timer = null
    this.drawing = true
  }

  /** The hand has let go: a little later all that waited happens, in the order in which it came. */
  up() {
    if (!this.drawing) return
    this.drawing = false
    this.#timer = setTimeout(() => {
      this.#timer = null
      for (const [name, act] of [...this.#waiting]) {
        if (this.#on) return // the hand is down again: the rest goes on waiting
        this.#waiting.delete(name)
        act()
      }
    }, AFTER_MS)
  }

  /** Does something now, or when the hand has let go; of several with one name only the last. */
  run(name, act) {
    if (!this.#on) return void act()
    this.#waiting.delete(name)
    this.#waiting.set(name, act)
  }

  /** Resolves at once, or when the hand has let go. */
  free() {
    return new Promise(done => this.run(Symbol("free"), done))
  }

  close() {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  get #on() { return this.drawing || this.#timer !== null }
}
