/**
 * Live labels: from the journal, and a moment earlier from the person's own click, as a promise that the journal confirms or breaks.
 * Labels of other people also reach the page around the map, by a run. No DOM except for the events of the journal feed.
 */
import { JournalFeed } from "./journal_feed.js"

const PROMISE_MS = 15000 // a promised label is removed if it is neither stored nor refused by then
const NEWS_MS = 2500 // the page outside the map follows the labels of others after this time, and not more often
const NEWS_SHARE = 20 // nor more often than the server can easily do: runs may take one part in 20 of the time
const NEWS_LATEST_MS = 30000

export class LiveLabels {
  #early = [] // journal answers that came before the clips
  #newest = -1 // newest revision of the journal
  #newsTimer = null
  #newsAt = null // when a run was requested
  #runMs = 0 // duration of that run
  #length = 0 // number of clips with which the base of a grown dataset was requested again

  /** The feed of the journal; null before the first dataset. */
  feed = null

  /**
   * @param parts {link; loader {clips, load()}; renderer {redraw, drawNow}; columns {followLabels}; toolbar {showLive}; signal ends everything}
   * @param acts {wouldDisturb() → whether a run of the page would disturb the person now}
   */
  constructor({ link, loader, renderer, columns, toolbar, signal }, acts) {
    Object.assign(this, { link, loader, renderer, columns, toolbar, signal, acts })
  }

  /** Starts to follow the journal of another dataset. */
  open() {
    const { data } = this.link
    this.feed?.close()
    this.#early = []
    this.#newest = -1
    const address = this.link.address(data.journal)
    address.searchParams.set("embedding", this.link.address(data.map).pathname.split("/").pop())
    this.feed = new JournalFeed(address.href, journal => this.#take(journal), () => this.#showState())
  }

  /** Call this with every run: promises whose attempt is over, but which its revision does not contain, were refused. */
  hear(before) {
    const { data } = this.link
    if (this.#newsAt && data.revision !== before.revision) {
      this.#runMs = performance.now() - this.#newsAt
      this.#newsAt = null
    }
    this.#breakRefused()
    this.feed.hear(data.revision ?? -1)
  }

  /** Call this when labels may be written: the journal answers before the run of the page. */
  expect() { this.feed?.expect() }

  /** Call this when a button outside the map is clicked, which may write labels: shows the label of the button at once. */
  clickButton(button) {
    this.expect()
    const { offer } = this.link.data ?? {}
    if (offer && button.closest(`.${offer.by}`)) this.promise(offer.code, offer)
  }

  /** Shows a label on the selection before it is stored, so that nobody waits to see their own label. */
  promise(code, entry) {
    const { clips } = this.loader
    const promise = clips?.promise(code, entry)
    if (!promise) return
    // Python counts each attempt, also a refused one
    promise.due = Math.max(this.link.data.attempts ?? 0, ...clips.promised.filter(({ due }) => due).map(({ due }) => due)) + 1
    setTimeout(() => { if (!this.signal.aborted && this.loader.clips?.break(promise)) this.renderer.redraw("colours", "legend") }, PROMISE_MS)
    this.#showState()
    this.renderer.redraw("colours", "legend")
  }

  #breakRefused() {
    const { link: { data }, loader: { clips } } = this
    for (const promise of clips?.promised ?? []) {
      if ((data.attempts ?? 0) < promise.due) continue
      promise.until = Math.min(promise.until, data.revision ?? 0)
      if (clips.revision >= promise.until && clips.break(promise)) this.renderer.redraw("colours", "legend")
    }
    this.#showState()
  }

  /** Applies the journal answers that came before the clips. */
  takeEarly() {
    for (const journal of this.#early.splice(0)) this.loader.clips.apply(journal)
  }

  #take(journal) {
    const { clips } = this.loader
    if (!clips) return void this.#early.push(journal)
    const hasChanged = clips.apply(journal)
    if (journal.n > clips.n && this.#length !== journal.n) {
      // clips were added: load the longer base, and then the whole journal, because this answer contained clips that are not loaded yet
      this.#length = journal.n
      this.loader.load().then(() => this.feed.restart(-1))
    }
    this.#showState()
    if (!hasChanged) return
    this.renderer.redraw("colours", "legend")
    this.renderer.drawNow() // do not wait for the next frame, which the page's own redraw would delay
    this.#passOn(journal.revision)
    this.columns.followLabels()
  }

  /** Others have labelled: asks for a run of the page around the map, unless one has come meanwhile. Never while it would disturb the person. */
  #passOn(revision) {
    this.#newest = Math.max(this.#newest, revision)
    if (this.#newsTimer || !this.link.data.listens) return
    const pause = Math.min(NEWS_LATEST_MS, Math.max(NEWS_MS, NEWS_SHARE * this.#runMs))
    this.#newsTimer = setTimeout(() => {
      this.#newsTimer = null
      if (this.signal.aborted || (this.link.data.revision ?? -1) >= this.#newest) return
      if (this.acts.wouldDisturb()) return this.#passOn(revision)
      this.#newsAt = performance.now()
      this.link.say({ kind: "news" })
    }, pause)
  }

  #showState() {
    if (!this.feed) return
    const { state } = this.feed, { promised, people } = this.loader.clips ?? {}
    this.toolbar.showLive(state === "live" && promised?.length ? "writing" : state, people ?? [])
  }

  close() {
    this.feed?.close()
    clearTimeout(this.#newsTimer)
  }
}
