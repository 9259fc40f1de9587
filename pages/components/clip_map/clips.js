/** The clips of one map as the browser knows them: labels, subsets, filters, and which are selected. No DOM. */
import { NOWHERE, decodeSet, eachOf, encodeSet } from "./codec.js"
import { Categories } from "./facets.js"

export const SUBSETS = ["raw", "train", "dev", "test"]
export const UNLABELLED = -1
const COLOUR = /^#[0-9a-f]{6}$/i
const SUBSET_COLOURS = [null, "#0072b2", "#e69f00", "#cc79a7"] // raw is grey

/**
 * Filters are joint: each facet (label, subset, and whatever columns were asked for) has one. `kept` remembers what was chosen, `selected` is what of it the filters let through; a filter taken off brings the rest back.
 * What a filter hides cannot be chosen, so nothing gets selected that nobody saw. `passes` is what the filters let through, `shown` what of it has a place.
 * The map itself is a filter as well: the map of a part lets its part through, and an axis those that have a value for it.
 */
export class Clips {
  /** @param {Clips} [before] the same clips, perhaps fewer, on another map: what is known of them stays */
  constructor(base, before) {
    Object.assign(this, blank(base.n))
    if (before && before.n <= base.n) {
      for (const name of ["codes", "subsets", "kept", "selected"]) this[name].set(before[name])
      for (const name of ["labels", "people", "revision", "count", "promised"]) this[name] = before[name]
    }
    this.label = new Categories({ key: "label", title: "label", codes: this.codes, entries: this.labels, none: UNLABELLED, nothing: "unlabelled" })
    this.subset = new Categories({ key: "subset", title: "subset", codes: this.subsets, entries: SUBSET_ENTRIES, none: NO_SUBSET })
    this.facets = new Map([["label", this.label], ["subset", this.subset]])
    if (before) {
      Object.assign(this.label, before.label.standing())
      Object.assign(this.subset, before.subset.standing())
      // other columns stay if they have a value for every clip; the map asks again for those that do not
      if (before.n === base.n) for (const [key, facet] of before.facets) if (!this.facets.has(key)) this.facets.set(key, facet)
    }
    this.base = base
    this.shown = new Uint8Array(this.n)
    this.#see()
    if (before) this.#move(before)
  }

  /** Whether this map, by what it is a map of, holds a clip back. */
  away(clip) {
    const { places, part } = this.base
    return places[2 * clip] === NOWHERE && (part || places[2 * clip + 1] !== NOWHERE)
  }

  /** What this map holds back leaves the selection, and what the one before held back comes back. */
  #move(before) {
    for (let clip = 0; clip < Math.min(this.n, before.n); clip++) {
      if (this.away(clip)) this.selected[clip] = 0
      else if (before.away(clip)) this.selected[clip] = this.kept[clip] & this.passes[clip]
    }
    this.count = total(this.selected)
  }

  /**
   * What Python is told, as encoded sets: `set` is selected; `kept` would be without any filter, null if that is the same;
   * `passes` is what may be selected, null if that is everything.
   */
  report() {
    return {
      set: encodeSet(this.selected),
      kept: this.count === total(this.kept) ? null : encodeSet(this.kept),
      passes: this.passing === this.n ? null : encodeSet(this.passes),
    }
  }

  /**
   * Shows a label on what is selected before the journal has told that it is written. The journal stays the truth: its answers are applied beneath,
   * and a promise ends when they have the label, when the journal has come to `until`, or by `break`.
   * @param {{name, colour}} entry of a label that the journal does not know yet
   * @returns {{code, clips, until}|null} null if every clip has it already
   */
  promise(code, entry) {
    const room = new Int32Array(this.count)
    let count = 0
    for (let clip = 0; clip < this.n; clip++) if (this.selected[clip] && this.codes[clip] !== code) room[count++] = clip
    if (!count) return null
    const clips = room.slice(0, count)
    const promise = { code, entry, clips, until: Infinity }
    this.promised.push(promise)
    this.#impose(promise)
    this.#see()
    return promise
  }

  /** Takes a promise back. Answers whether it still stood. */
  break(promise) {
    if (!this.promised.includes(promise)) return false
    this.#settle()
    this.#keep(other => other !== promise)
    this.#see()
    return true
  }

  /** The codes of the labels as far as the journal has told. [shape (n)] */
  get written() {
    const codes = this.codes.slice()
    for (const { clips, before } of this.promised.toReversed()) for (let at = 0; at < clips.length; at++) codes[clips[at]] = before[at]
    return codes
  }

  #impose(promise) {
    const { code, entry, clips } = promise
    promise.before = new Int32Array(clips.length)
    for (let at = 0; at < clips.length; at++) {
      promise.before[at] = this.codes[clips[at]]
      this.codes[clips[at]] = code
    }
    promise.invented = !this.labels.has(code)
    if (promise.invented) this.labels.set(code, entry)
  }

  #settle() {
    for (const { code, clips, before, invented } of this.promised.toReversed()) {
      for (let at = 0; at < clips.length; at++) this.codes[clips[at]] = before[at]
      if (invented) this.labels.delete(code)
    }
  }

  #keep(which) {
    this.promised = this.promised.filter(which)
    for (const promise of this.promised) this.#impose(promise)
  }

  /** Takes in a journal answer. Answers whether anything that is drawn has changed. */
  apply(journal) {
    const promised = this.promised.length
    this.#settle()
    if (journal.reset || this.revision < 0) {
      this.codes.fill(UNLABELLED)
      this.subsets.fill(0)
      this.labels.clear()
    }
    const known = this.labels.size
    for (const [code, name, colour] of journal.labels ?? []) {
      this.labels.set(code, { name: String(name), colour: COLOUR.test(colour) ? colour : "#888888" })
    }
    for (const [code, set] of journal.changes ?? []) eachOf(set, this.n, clip => { this.codes[clip] = code })
    for (const [subset, set] of journal.subsets ?? []) eachOf(set, this.n, clip => { this.subsets[clip] = subset })
    const fresh = Boolean(journal.reset || this.revision < 0 || journal.changes?.length || journal.subsets?.length || this.labels.size !== known || promised)
    this.revision = journal.revision
    this.people = journal.people ?? []
    this.#keep(({ code, clips, until }) => this.codes[clips[0]] !== code && this.revision < until)
    if (fresh) this.#see()
    return fresh
  }

  /** Shows or hides a label (or UNLABELLED). */
  toggleLabel(code) { this.change(() => this.label.toggle(code)) }

  /** Shows one label alone; asked again, shows all. */
  isolateLabel(code) { this.change(() => this.label.isolate(code)) }

  toggleSubset(subset) { this.change(() => this.subset.toggle(subset)) }

  isolateSubset(subset) { this.change(() => this.subset.isolate(subset)) }

  /** Which of the four subsets are shown. */
  get subsetShown() { return SUBSETS.map((_, subset) => this.subset.shows(subset)) }

  /** Changes filters: what is selected and not let through leaves the selection, and comes back when it is. */
  change(how) {
    how()
    this.#see()
    this.#select()
  }

  /** Takes a facet in, or newer values of one that is known. The selection stays as it is: nobody here has filtered. */
  take(facet) {
    const before = this.facets.get(facet.key)
    this.facets.set(facet.key, before && before.kind === facet.kind ? facet.inherit(before) : facet)
    this.#see()
  }

  /** How all filters are set, to be brought back: a function that does it. */
  standing() {
    const were = [...this.facets.values()].map(facet => [facet, facet.standing()])
    return () => { for (const [facet, was] of were) Object.assign(facet, was) }
  }

  /** Selects by `op` ("new", "add", "and", "minus") with the clips that `marks` marks, of which only the shown ones count. */
  choose(op, marks) {
    const { kept, shown, n } = this
    for (let clip = 0; clip < n; clip++) {
      const hit = marks[clip] && shown[clip] ? 1 : 0
      if (op === "new") kept[clip] = hit
      else if (op === "add") kept[clip] |= hit
      else if (op === "and") kept[clip] &= hit
      else if (hit) kept[clip] = 0
    }
    this.#select()
  }

  /** Selects the shown clips that are not selected. */
  invert() {
    for (let clip = 0; clip < this.n; clip++) this.kept[clip] = this.shown[clip] && !this.selected[clip] ? 1 : 0
    this.#select()
  }

  clear() {
    this.kept.fill(0)
    this.#select()
  }

  /**
   * Takes over from Python what would be selected without any filter, an encoded set; of it is selected what the filters let through.
   * `how` "replace" selects anew. "change" has added or taken away some: all others stay as they are, also those that a filter by labels hides since they were labelled.
   */
  impose(encoded, how = "replace") {
    const before = this.kept
    this.kept = decodeSet(encoded, this.n)
    if (how === "replace") return this.#select()
    for (let clip = 0; clip < this.n; clip++) {
      if (!this.kept[clip]) this.selected[clip] = 0
      else if (!before[clip]) this.selected[clip] = this.passes[clip]
    }
    this.count = total(this.selected)
  }

  /** How many clips of this map have each value of a facet, Map key → count. Subsets are counted whole, all else in the shown subsets. */
  counts(facet = this.label) {
    const narrowed = facet !== this.subset && this.subset.active
    const among = narrowed || this.placed < this.n ? this.places() : null
    if (narrowed) this.subset.narrow(among)
    return facet.counts(among)
  }

  /** Which clips have a place on this map. [shape (n), 0 or 1] */
  places() {
    const { places } = this.base, placed = new Uint8Array(this.n)
    for (let clip = 0; clip < this.n; clip++) if (places[2 * clip] !== NOWHERE) placed[clip] = 1
    return placed
  }

  #see() {
    const { passes, shown, n } = this
    const { places } = this.base
    let placed = 0, drawn = 0
    passes.fill(1)
    for (const facet of this.facets.values()) facet.narrow(passes)
    for (let clip = 0; clip < n; clip++) {
      const nowhere = places[2 * clip] === NOWHERE
      if (nowhere && this.away(clip)) passes[clip] = 0
      shown[clip] = nowhere ? 0 : passes[clip]
      placed += !nowhere
      drawn += shown[clip]
    }
    this.passing = total(passes)
    Object.assign(this, { placed, drawn }) // how many have a place, and how many of those are shown
  }

  #select() {
    let count = 0
    for (let clip = 0; clip < this.n; clip++) count += this.selected[clip] = this.kept[clip] & this.passes[clip]
    this.count = count
  }
}

const NO_SUBSET = 255 // every clip has one
const SUBSET_ENTRIES = new Map(SUBSETS.map((name, subset) => [subset, { name, colour: SUBSET_COLOURS[subset] }]))

function blank(n) {
  return {
    n,
    labels: new Map(),
    people: [],
    promised: [],
    revision: -1,
    codes: new Int32Array(n).fill(UNLABELLED),
    subsets: new Uint8Array(n),
    passes: new Uint8Array(n),
    kept: new Uint8Array(n),
    selected: new Uint8Array(n),
    count: 0,
    passing: n,
  }
}

function total(mask) {
  let count = 0
  for (let at = 0; at < mask.length; at++) count += mask[at]
  return count
}
