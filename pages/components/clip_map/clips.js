/** The clips of one map as the browser knows them: labels, subsets, filters, and which are selected. No DOM. */
import { NOWHERE, decodeSet, eachOf } from "./codec.js"

export const SUBSETS = ["raw", "train", "dev", "test"]
export const UNLABELLED = -1
const COLOUR = /^#[0-9a-f]{6}$/i

/**
 * Filters are joint. `kept` remembers what was chosen, `selected` is what of it the filters let through; a filter taken off brings the rest back.
 * What a filter hides cannot be chosen, so nothing gets selected that nobody saw. `passes` is what the filters let through, `shown` what of it has a place.
 */
export class Clips {
  /** @param {Clips} [before] the same clips, perhaps fewer, on another map: what is known of them stays */
  constructor(base, before) {
    Object.assign(this, blank(base.n))
    if (before && before.n <= base.n) {
      const { codes, subsets, kept, selected } = this
      Object.assign(this, before, { n: base.n, codes, subsets, kept, selected, passes: this.passes })
      for (const name of ["codes", "subsets", "kept", "selected"]) this[name].set(before[name])
    }
    this.base = base
    this.shown = new Uint8Array(this.n)
    this.#see()
  }

  /** Takes in a journal answer. Answers whether anything that is drawn has changed. */
  apply(journal) {
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
    const fresh = Boolean(journal.reset || this.revision < 0 || journal.changes?.length || journal.subsets?.length || this.labels.size !== known)
    this.revision = journal.revision
    this.people = journal.people ?? []
    if (fresh) this.#see()
    return fresh
  }

  /** Shows or hides a label (or UNLABELLED). */
  toggleLabel(code) {
    if (this.only !== null) {
      const only = this.only
      this.only = null
      this.hidden = new Set([UNLABELLED, ...this.labels.keys()].filter(other => other !== only))
    }
    if (!this.hidden.delete(code)) this.hidden.add(code)
    this.#filter()
  }

  /** Shows one label alone; asked again, shows all. */
  isolateLabel(code) {
    this.only = this.only === code ? null : code
    this.hidden.clear()
    this.#filter()
  }

  labelShown(code) {
    return this.only === null ? !this.hidden.has(code) : this.only === code
  }

  toggleSubset(subset) {
    this.subsetShown[subset] = !this.subsetShown[subset]
    this.#filter()
  }

  isolateSubset(subset) {
    const alone = this.subsetShown.every((shown, other) => shown === (other === subset))
    this.subsetShown = this.subsetShown.map((_, other) => alone || other === subset)
    this.#filter()
  }

  /** Selects by `op` ("new", "add", "and", "minus") with the clips of `found`, of which only the shown ones count. */
  choose(op, found) {
    const { kept, shown, n } = this
    for (let clip = 0; clip < n; clip++) {
      const hit = found[clip] && shown[clip] ? 1 : 0
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

  /** Selects exactly an encoded set, whatever the filters say: the server has decided. */
  impose(encoded) {
    this.kept = decodeSet(encoded, this.n)
    this.selected = this.kept.slice()
    this.count = total(this.selected)
  }

  /** How many clips carry each label and lie in each subset: {labels: Map code → count, subsets: [4]}. Labels are counted in the shown subsets. */
  counts() {
    const labels = new Map([[UNLABELLED, 0]])
    for (const code of this.labels.keys()) labels.set(code, 0)
    const subsets = [0, 0, 0, 0]
    for (let clip = 0; clip < this.n; clip++) {
      const subset = this.subsets[clip]
      subsets[subset]++
      if (this.subsetShown[subset]) labels.set(this.codes[clip], (labels.get(this.codes[clip]) ?? 0) + 1)
    }
    return { labels, subsets }
  }

  #see() {
    const { passes, shown, subsetShown, codes, subsets, n } = this
    const { places } = this.base
    const all = this.only === null && !this.hidden.size
    for (let clip = 0; clip < n; clip++) {
      passes[clip] = subsetShown[subsets[clip]] && (all || this.labelShown(codes[clip])) ? 1 : 0
      shown[clip] = places[2 * clip] !== NOWHERE ? passes[clip] : 0
    }
  }

  #filter() {
    this.#see()
    this.#select()
  }

  #select() {
    let count = 0
    for (let clip = 0; clip < this.n; clip++) count += this.selected[clip] = this.kept[clip] & this.passes[clip]
    this.count = count
  }
}

function blank(n) {
  return {
    n,
    labels: new Map(),
    people: [],
    revision: -1,
    codes: new Int32Array(n).fill(UNLABELLED),
    subsets: new Uint8Array(n),
    subsetShown: [true, true, true, true],
    hidden: new Set(),
    only: null,
    passes: new Uint8Array(n),
    kept: new Uint8Array(n),
    selected: new Uint8Array(n),
    count: 0,
  }
}

function total(mask) {
  let count = 0
  for (let at = 0; at < mask.length; at++) count += mask[at]
  return count
}
