/** The gesture lock: postpones updates while the person draws, so that nothing moves or grows under a lasso and no frame is late. No DOM. */

const AFTER_MS = 150 // one stroke often follows another

export class GestureLock {
  #waiting = new Map()
  #timer = null

  /** Whether a finger or mouse button is down on the map. */
  drawing = false

  /** A gesture begins: from now on updates wait. */
  down() {
    clearTimeout(this.#timer)
    this.#timer = null
    this.drawing = true
  }

  /** The gesture has ended: after a short time the waiting updates run, in their order. */
  up() {
    if (!this.drawing) return
    this.drawing = false
    this.#timer = setTimeout(() => {
      this.#timer = null
      for (const [name, act] of [...this.#waiting]) {
        if (this.#on) return // another gesture has begun: the rest keeps waiting
        this.#waiting.delete(name)
        act()
      }
    }, AFTER_MS)
  }

  /** Runs `act` now, or after the gesture. Of several with the same name only the last runs. */
  run(name, act) {
    if (!this.#on) return void act()
    this.#waiting.delete(name)
    this.#waiting.set(name, act)
  }

  /** Resolves at once, or after the gesture. */
  free() {
    return new Promise(done => this.run(Symbol("free"), done))
  }

  close() {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  get #on() { return this.drawing || this.#timer !== null }
}
