/** The map's line to the page: what the last run said, and what a person did, which goes up by an Outbox so that none of it is lost. */
import { siteRoot } from "./codec.js"

const ONLY_THE_LAST = ["selection", "focus"] // of these that Python has not heard yet, only the last counts

export class PageLink {
  component = null

  /** What the last run said; null before the first. */
  data = null

  /** The address of the app. */
  root = null

  /** @param {Outbox} outbox; @param rootOf answers the app's address */
  constructor(outbox, rootOf = siteRoot) {
    Object.assign(this, { outbox, rootOf })
  }

  /** A run has come. Answers what the one before it said, null for the first. */
  update(component) {
    const before = this.data
    this.component = component
    this.data = component.data
    this.outbox.acknowledge(component, this.data.heard)
    this.root = this.rootOf()
    return before
  }

  /** Where something of the app is, by its path as Python says it. */
  address(path) { return new URL(path, this.root) }

  /** Where the "audio" or the "card" of a clip is. */
  clipAddress(clip, part) { return this.address(`${this.data.clips}${clip}/${part}`).href }

  /** Tells Python. How a selection was made must not be lost to the filter that came after it. */
  say(act) {
    const newer = before => before.kind === act.kind && ONLY_THE_LAST.includes(act.kind)
    this.outbox.say(this.component, act, before => newer(before) && (act.how !== "filter" || before.how === "filter"))
  }
}
