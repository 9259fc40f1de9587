/**
 * Messages from an element to Python, in order and without loss. Streamlit keeps only the newest trigger of an element while a script runs,
 * so every trigger carries all messages that Python has not acknowledged. Sent as "said" (JSON {from, acts: [[number, act]…]}), acknowledged as data.heard [from, number].
 */
const AGAIN_MS = 2000 // messages that no run has acknowledged by then are sent again

export class Outbox {
  #acts = []
  #number = 0
  #sentAt = 0

  constructor() {
    this.from = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
  }

  /** Sends a message. It replaces the last messages that Python has not acknowledged, as far back as `replaces(act)` is true. */
  say(component, act, replaces = () => false) {
    while (this.#acts.length && replaces(this.#acts.at(-1)[1])) this.#acts.pop()
    this.#acts.push([++this.#number, act])
    this.#send(component)
  }

  /** Call this with every run: `heard` is the last message that Python has acknowledged. */
  acknowledge(component, heard) {
    if (heard?.[0] === this.from) this.#acts = this.#acts.filter(([number]) => number > heard[1])
    if (this.#acts.length && Date.now() - this.#sentAt > AGAIN_MS) this.#send(component)
  }

  #send(component) {
    this.#sentAt = Date.now()
    component.setTriggerValue("said", JSON.stringify({ from: this.from, acts: this.#acts }))
  }
}
