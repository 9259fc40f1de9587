/** The clips of one map in the browser: labels, subsets, filters and the selection. No DOM. */
import { NOWHERE, decodeSet, eachOf, encodeSet } from "./codec.js"
import { Categories } from "./facets.js"

export const SUBSETS = ["raw", "train", "dev", "test"]
export const UNLABELLED = -1
const COLOUR = /^#[0-9a-f]{6}$/i
const SUBSET_COLOURS = [null, "#0072b2", "#e69f00", "#cc79a7"] // raw is grey

/**
 * Each facet (label, subset, and the columns in use) has a filter, and a clip must pass all of them. `kept` is the selection without filters, `selected` the clips of it that pass; removing a filter selects the others again.
 * Hidden clips cannot be selected, so a person never selects clips unseen. `passes` are the clips that pass all filters, `shown` those of them that have a place.
 * The map itself is a filter as well: the map of a part passes its part, and an axis passes the clips with a value for it.
 */
export class Clips {
  /** @param {Clips} [before] the same clips, perhaps fewer, on another map: their labels, selection and filters stay */
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
      // other columns stay if they have a value for every clip; the map fetches the others again
      if (before.n === base.n) for (const [key, facet] of before.facets) if (!this.facets.has(key)) this.facets.set(key, facet)
    }
    this.base = base
    this.shown = new Uint8Array(this.n)
    this.#see()
    if (before) this.#move(before)
  }

  /** Whether this map itself excludes a clip: it is not in its part, or has no value for an axis. */
  away(clip) {
    const { places, part } = this.base
    return places[2 * clip] === NOWHERE && (part || places[2 * clip + 1] !== NOWHERE)
  }

  /** Removes clips that this map excludes from the selection, and selects again those that the map before excluded. */
  #move(before) {
    for (let clip = 0; clip < Math.min(this.n, before.n); clip++) {
      if (this.away(clip)) this.selected[clip] = 0
      else if (before.away(clip)) this.selected[clip] = this.kept[clip] & this.passes[clip]
    }
    this.count = total(this.selected)
  }

  /**
   * The selection for Python, as encoded sets: `set` is the selection; `kept` is the selection without filters, null if it is the same;
   * `passes` are the clips that pass all filters, null if all do.
   */
  report() {
    return {
      set: encodeSet(this.selected),
      kept: this.count === total(this.kept) ? null : encodeSet(this.kept),
      passes: this.passing === this.n ? null : encodeSet(this.passes),
    }
  }

  /**
   * Shows a label on the selection before the journal confirms that it is stored. Answers of the journal are applied beneath such a promise,
   * which ends when they have the label, when the journal reaches the revision `until`, or by `break`.
   * @param {{name, colour}} entry of the label, which the journal may not know yet
   * @returns {{code, clips, until}|null} null if every clip has it already
   */
  promise(code, entry) {
    const buffer = new Int32Array(this.count)
    let count = 0
    for (let clip = 0; clip < this.n; clip++) if (this.selected[clip] && this.codes[clip] !== code) buffer[count++] = clip
    if (!count) return null
    const clips = buffer.slice(0, count)
    const promise = { code, entry, clips, until: Infinity }
    this.promised.push(promise)
    this.#impose(promise)
    this.#see()
    return promise
  }

  /** Removes a promise. Returns whether it still existed. */
  break(promise) {
    if (!this.promised.includes(promise)) return false
    this.#settle()
    this.#keep(other => other !== promise)
    this.#see()
    return true
  }

  /** The codes of the labels that the journal has confirmed [shape (n)]. */
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

  /** Applies an answer of the journal. Returns whether the drawing has changed. */
  apply(journal) {
    const promised = this.promised.length
    this.#settle()
    if (journal.reset || this.revision < 0) {
      this.codes.fill(UNLABELLED)
      this.subsets.fill(0)
      this.labels.clear()
    }
    const labelCount = this.labels.size
    for (const [code, name, colour] of journal.labels ?? []) {
      this.labels.set(code, { name: String(name), colour: COLOUR.test(colour) ? colour : "#888888" })
    }
    for (const [code, set] of journal.changes ?? []) eachOf(set, this.n, clip => { this.codes[clip] = code })
    for (const [subset, set] of journal.subsets ?? []) eachOf(set, this.n, clip => { this.subsets[clip] = subset })
    const hasChanged = Boolean(journal.reset || this.revision < 0 || journal.changes?.length || journal.subsets?.length || this.labels.size !== labelCount || promised)
    this.revision = journal.revision
    this.people = journal.people ?? []
    this.#keep(({ code, clips, until }) => this.codes[clips[0]] !== code && this.revision < until)
    if (hasChanged) this.#see()
    return hasChanged
  }

  /** Shows or hides a label (or UNLABELLED). */
  toggleLabel(code) { this.change(() => this.label.toggle(code)) }

  /** Shows only this label; a second call shows all. */
  isolateLabel(code) { this.change(() => this.label.isolate(code)) }

  toggleSubset(subset) { this.change(() => this.subset.toggle(subset)) }

  isolateSubset(subset) { this.change(() => this.subset.isolate(subset)) }

  /** Which of the four subsets are shown. */
  get subsetShown() { return SUBSETS.map((_, subset) => this.subset.shows(subset)) }

  /** Changes filters: clips that no longer pass leave the selection, and are selected again when they pass. */
  change(how) {
    how()
    this.#see()
    this.#select()
  }

  /** Adds a facet, or newer values of one. The selection does not change, because the person has not filtered. */
  take(facet) {
    const before = this.facets.get(facet.key)
    this.facets.set(facet.key, before && before.kind === facet.kind ? facet.inherit(before) : facet)
    this.#see()
  }

  /** Remembers how all filters are set. Returns a function that restores them. */
  standing() {
    const were = [...this.facets.values()].map(facet => [facet, facet.standing()])
    return () => { for (const [facet, was] of were) Object.assign(facet, was) }
  }

  /** Changes the selection by `op` ("new", "add", "and", "minus") with the clips marked in `marks` that are shown. */
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
   * Takes over a selection without filters from Python, as an encoded set; the clips that pass the filters are selected.
   * With `how` "replace" it is a new selection. With "change" only some clips were added or removed: all others stay, also clips that a filter by label hides since they were labelled.
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

  /** The number of clips of this map for each value of a facet, Map key → count. Subsets are counted over all clips, other facets in the shown subsets. */
  counts(facet = this.label) {
    const narrowed = facet !== this.subset && this.subset.active
    const among = narrowed || this.placed < this.n ? this.places() : null
    if (narrowed) this.subset.narrow(among)
    return facet.counts(among)
  }

  /** A mask of the clips that have a place on this map [shape (n), 0 or 1]. */
  places() {
    const { places } = this.base, mask = new Uint8Array(this.n)
    for (let clip = 0; clip < this.n; clip++) if (places[2 * clip] !== NOWHERE) mask[clip] = 1
    return mask
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
    Object.assign(this, { placed, drawn }) // the number of clips that have a place, and of those that are shown
  }

  #select() {
    let count = 0
    for (let clip = 0; clip < this.n; clip++) count += this.selected[clip] = this.kept[clip] & this.passes[clip]
    this.count = count
  }
}

const NO_SUBSET = 255 // no clip has this: every clip has a subset
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
