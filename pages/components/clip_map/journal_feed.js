/** Keeps asking the journal what has changed: at once when told of news, else every 1.5 s while somebody looks, rarely while it fails. */

const PAUSE_MS = 1500
const LONGEST_PAUSE_MS = 30000
const EXPECTED_S = 0.8 // a label is written long before the page has run to its end and tells so: the server answers when it is

export class JournalFeed {
  /**
   * @param {string} address of the journal, with what never changes of its query
   * @param take called with every answer; @param report called with "live", "offline" or "refused" whenever that changes
   */
  constructor(address, take, report) {
    Object.assign(this, { address, take, report, revision: -1, news: -1, failures: 0, state: null })
    this.gone = new AbortController()
    document.addEventListener("visibilitychange", () => document.hidden || this.ask(), { signal: this.gone.signal })
    addEventListener("online", () => this.ask(), { signal: this.gone.signal })
    this.ask()
  }

  /** Tells of a revision that exists: asks at once when it is news. */
  hear(revision) {
    if (revision <= Math.max(this.revision, this.news)) return
    this.news = revision
    if (!this.asking) this.ask()
  }

  /** Somebody here has just done what may change labels: asks the server to answer as soon as it is written. */
  expect() {
    this.urgent = true
    this.ask()
  }

  /** Asks once more for all that changed after `revision`. */
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
      const answer = await fetch(address, { signal: this.gone.signal, cache: "no-store" })
      if (!answer.ok) throw new Refusal(answer.status)
      const journal = await answer.json()
      if (this.gone.signal.aborted) return
      this.revision = journal.revision
      this.names = journal.names
      this.take(journal)
      this.failures = 0
      this.#enter("live")
    } catch (error) {
      if (this.gone.signal.aborted) return
      this.failures++
      this.#enter([401, 403].includes(error.status) ? "refused" : "offline")
    } finally {
      this.asking = false
    }
    // the answer may have been on its way when the news came; a server that never gets there is not chased twice
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
    this.gone.abort()
  }
}

class Refusal extends Error {
  constructor(status) {
    super(`HTTP ${status}`)
    this.status = status
  }
}
