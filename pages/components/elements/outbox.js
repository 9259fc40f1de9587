/**
 * What an element tells Python, in order and none of it lost: Streamlit keeps only the newest trigger of an element while a script runs,
 * so every trigger carries all that Python has not yet acknowledged. Goes up as "said" (JSON {from, acts: [[number, act]…]}), comes back as data.heard [from, number].
 */
const AGAIN_MS = 2000 // what a run has not acknowledged by then is said once more

export class Outbox {
  #acts = []
  #number = 0
  #saidAt = 0

  constructor() {
    this.from = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
  }

  /** Says something. An act that was said before and not yet heard is left out where `replaces(act)`, if nothing came after it. */
  say(component, act, replaces = () => false) {
    while (this.#acts.length && replaces(this.#acts.at(-1)[1])) this.#acts.pop()
    this.#acts.push([++this.#number, act])
    this.#send(component)
  }

  /** A run has brought news: `heard` is what Python has acknowledged. */
  acknowledge(component, heard) {
    if (heard?.[0] === this.from) this.#acts = this.#acts.filter(([number]) => number > heard[1])
    if (this.#acts.length && Date.now() - this.#saidAt > AGAIN_MS) this.#send(component)
  }

  #send(component) {
    this.#saidAt = Date.now()
    component.setTriggerValue("said", JSON.stringify({ from: this.from, acts: this.#acts }))
  }
}
