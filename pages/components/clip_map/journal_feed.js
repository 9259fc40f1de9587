/** Polls the journal: at once when a newer revision is known, else every 1.5 s while the page is visible, less often while it fails. */

const PAUSE_MS = 1500
const LONGEST_PAUSE_MS = 30000
const EXPECTED_S = 0.8 // the server waits this long for a label that is being written, which is stored long before the run of the page ends

export class JournalFeed {
  /**
   * @param {string} address of the journal, with the constant part of its query
   * @param take called with every answer; @param report called with "live", "offline" or "refused" when that changes
   */
  constructor(address, take, report) {
    Object.assign(this, { address, take, report, revision: -1, news: -1, failures: 0, state: null })
    this.closing = new AbortController()
    document.addEventListener("visibilitychange", () => document.hidden || this.ask(), { signal: this.closing.signal })
    addEventListener("online", () => this.ask(), { signal: this.closing.signal })
    this.ask()
  }

  /** Call this with a revision that exists: polls at once if it is newer. */
  hear(revision) {
    if (revision <= Math.max(this.revision, this.news)) return
    this.news = revision
    if (!this.asking) this.ask()
  }

  /** Call this when labels may change: asks the server to answer as soon as they are stored. */
  expect() {
    this.urgent = true
    this.ask()
  }

  /** Polls again for all changes after `revision`. */
  restart(revision) {
    this.revision = revision
    this.ask()
  }

  async ask() {
    if (this.asking) return void (this.hurry = true)
    clearTimeout(this.timer)
    this.asking = true
    const { urgent } = this
    this.urgent = false
    try {
      const address = new URL(this.address)
      address.searchParams.set("after", this.revision)
      if (this.revision >= 0 && this.names) address.searchParams.set("names", this.names) // of thousands of labels only the new ones
      if (urgent) address.searchParams.set("wait", EXPECTED_S)
      const answer = await fetch(address, { signal: this.closing.signal, cache: "no-store" })
      if (!answer.ok) throw new Refusal(answer.status)
      const journal = await answer.json()
      if (this.closing.signal.aborted) return
      this.revision = journal.revision
      this.names = journal.names
      this.take(journal)
      this.failures = 0
      this.#enter("live")
    } catch (error) {
      if (this.closing.signal.aborted) return
      this.failures++
      this.#enter([401, 403].includes(error.status) ? "refused" : "offline")
    } finally {
      this.asking = false
    }
    // the answer may be older than the known revision: poll once more, but only once for each revision
    if (this.hurry || (this.news > this.revision && this.lastChase !== this.news)) {
      this.lastChase = this.news
      this.hurry = false
      return void this.ask()
    }
    const pause = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** this.failures)
    this.timer = setTimeout(() => document.hidden || this.ask(), pause)
  }

  #enter(state) {
    if (state !== this.state) this.report(this.state = state)
  }

  close() {
    clearTimeout(this.timer)
    this.closing.abort()
  }
}

class Refusal extends Error {
  constructor(status) {
    super(`HTTP ${status}`)
    this.status = status
  }
}
