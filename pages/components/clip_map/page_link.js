/** The map's link to Python: the data of the last run, and messages to Python, which an Outbox sends without loss. */
import { siteRoot } from "./codec.js"

const ONLY_THE_LAST = ["selection", "focus"] // of these, only the last message that Python has not acknowledged is sent

export class PageLink {
  component = null

  /** The data of the last run; null before the first. */
  data = null

  /** The address of the app. */
  root = null

  /** @param {Outbox} outbox; @param rootOf returns the app's address */
  constructor(outbox, rootOf = siteRoot) {
    Object.assign(this, { outbox, rootOf })
  }

  /** Call this with every run. Returns the data of the run before, null for the first. */
  update(component) {
    const before = this.data
    this.component = component
    this.data = component.data
    this.outbox.acknowledge(component, this.data.heard)
    this.root = this.rootOf()
    return before
  }

  /** The address of something in the app, by its path relative to the root. */
  address(path) { return new URL(path, this.root) }

  /** The address of the "audio" or the "card" of a clip. */
  clipAddress(clip, part) { return this.address(`${this.data.clips}${clip}/${part}`).href }

  /** Sends a message to Python. A selection by a filter does not replace another selection, whose `how` Python must get. */
  say(act) {
    const isOlder = before => before.kind === act.kind && ONLY_THE_LAST.includes(act.kind)
    this.outbox.say(this.component, act, before => isOlder(before) && (act.how !== "filter" || before.how === "filter"))
  }
}
