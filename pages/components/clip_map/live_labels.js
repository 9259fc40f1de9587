/**
 * Labels as they come: from the journal, which is the truth, and a moment earlier from a person's own click, as a promise that the journal keeps or breaks.
 * The page around the map hears of other people's labels by a run. No DOM beside what the journal's feed listens to.
 */
import { JournalFeed } from "./journal_feed.js"

const PROMISE_MS = 15000 // a label that is shown and by then neither written nor refused is taken off again
const NEWS_MS = 2500 // counts and buttons outside the map follow the labels of others after so long, and not more often
const NEWS_SHARE = 20 // nor more often than the server can easily do: a run may take one part in so many of the time
const NEWS_LATEST_MS = 30000

export class LiveLabels {
  #early = [] // journals that came before the clips
  #newest = -1 // revision that the journal has told of
  #newsTimer = null
  #newsAt = null // when a run was asked for
  #runMs = 0 // how long that run took
  #length = 0 // of a dataset that has grown: how many clips the base was asked for again with

  /** The feed of the journal; null before the first dataset. */
  feed = null

  /**
   * @param parts {link; loader {clips, load()}; renderer {redraw, drawNow}; columns {followLabels}; toolbar {showLive}; signal ends everything}
   * @param acts {wouldDisturb() → whether a run of the page would disturb somebody now}
   */
  constructor({ link, loader, renderer, columns, toolbar, signal }, acts) {
    Object.assign(this, { link, loader, renderer, columns, toolbar, signal, acts })
  }

  /** Begins with the journal of another dataset. */
  open() {
    const { data } = this.link
    this.feed?.close()
    this.#early = []
    this.#newest = -1
    const address = this.link.address(data.journal)
    address.searchParams.set("embedding", this.link.address(data.map).pathname.split("/").pop())
    this.feed = new JournalFeed(address.href, journal => this.#take(journal), () => this.#showState())
  }

  /** A run has come: what it has tried to write and its revision does not bring was refused. */
  hear(before) {
    const { data } = this.link
    if (this.#newsAt && data.revision !== before.revision) {
      this.#runMs = performance.now() - this.#newsAt
      this.#newsAt = null
    }
    this.#breakRefused()
    this.feed.hear(data.revision ?? -1)
  }

  /** Something here may write labels: the journal knows before the page has run. */
  expect() { this.feed?.expect() }

  /** A button elsewhere on the page was clicked, which may write labels; we know which before the journal does. */
  clickButton(button) {
    this.expect()
    const { offer } = this.link.data ?? {}
    if (offer && button.closest(`.${offer.by}`)) this.promise(offer.code, offer)
  }

  /** Shows on the selection what is being written: nobody should wait to see what they have done. */
  promise(code, entry) {
    const { clips } = this.loader
    const promise = clips?.promise(code, entry)
    if (!promise) return
    // each attempt is counted by Python, also one that is refused
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

  /** The clips are here: they take what came before them. */
  takeEarly() {
    for (const journal of this.#early.splice(0)) this.loader.clips.apply(journal)
  }

  #take(journal) {
    const { clips } = this.loader
    if (!clips) return void this.#early.push(journal)
    const hasChanged = clips.apply(journal)
    if (journal.n > clips.n && this.#length !== journal.n) {
      // clips were added: the same address now has a longer base, and this journal named clips that we do not know yet
      this.#length = journal.n
      this.loader.load().then(() => this.feed.restart(-1))
    }
    this.#showState()
    if (!hasChanged) return
    this.renderer.redraw("colours", "legend")
    this.renderer.drawNow() // the page's own redraw after a label would keep the next frame waiting
    this.#passOn(journal.revision)
    this.columns.followLabels()
  }

  /** Others have labelled: the page around the map hears of it by a run, unless one has come meanwhile. Never under somebody's hands. */
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
