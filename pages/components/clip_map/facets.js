/** What clips can be coloured and filtered by: a facet has one value for each clip, and a filter on it. No DOM. */

/** The key of no value, in a facet of categories that came as a column. */
export const NONE = 65535

/** Values out of a list of names: labels, subsets, annotators, the words of a column. */
export class Categories {
  kind = "categorical"
  on = true // ticked: a filter that is not stays as it is set, and lets everything through
  hidden = new Set()
  only = null

  /**
   * @param {string} key, title what it is called in addresses and by people
   * @param codes [shape (n), integers] the key of each clip's value
   * @param entries Map key → {name, colour "#rrggbb"}; @param {number} none the key of no value, @param {string} nothing its name
   * @param {Uint8Array} [confidence] [shape (n)] how sure each value is, 0 to 255
   */
  constructor({ key, title, codes, entries, none, nothing = "none", confidence = null }) {
    Object.assign(this, { key, title, codes, entries, none, nothing, confidence })
  }

  /** Whether the filter holds anything back. */
  get active() { return this.on && this.set }

  /** Whether the filter is set, ticked or not. */
  get set() { return this.only !== null || this.hidden.size > 0 }

  shows(key) { return !this.on || (this.only === null ? !this.hidden.has(key) : this.only === key) }

  /** Shows or hides one value. */
  toggle(key) {
    if (this.only !== null) {
      const { only } = this
      this.only = null
      this.hidden = new Set(this.keys.filter(other => other !== only))
    }
    this.on = true
    if (!this.hidden.delete(key)) this.hidden.add(key)
  }

  /** Shows one value alone; asked again, shows all. */
  isolate(key) {
    this.only = this.only === key ? null : key
    this.on = true
    this.hidden.clear()
  }

  /** Lets everything through again. */
  free() {
    this.only = null
    this.hidden.clear()
  }

  /** Sets mask to 0 where the filter holds a clip back. [shape (n)] */
  narrow(mask) {
    if (!this.active) return
    const { codes } = this
    let code, shown = 0, known = false
    for (let clip = 0; clip < mask.length; clip++) {
      if (!known || codes[clip] !== code) { // neighbours in the table often have one value
        code = codes[clip]
        shown = this.shows(code) ? 1 : 0
        known = true
      }
      mask[clip] &= shown
    }
  }

  /** How many clips that `among` marks (all without it) have each value: Map key → count. */
  counts(among = null) {
    const { codes, keys } = this
    const tally = new Uint32Array(2 + this.largestKey) // the key of unlabelled is −1
    if (among) for (let clip = 0; clip < codes.length; clip++) tally[codes[clip] + 1] += among[clip]
    else for (let clip = 0; clip < codes.length; clip++) tally[codes[clip] + 1]++
    return new Map(keys.map(key => [key, tally[key + 1]]))
  }

  /** The keys of all values, that of no value first. */
  get keys() { return [this.none, ...this.entries.keys()] }

  get largestKey() { return this.keys.reduce((most, key) => Math.max(most, key)) }

  /** The value of a clip in words. */
  text(clip) {
    const name = this.entries.get(this.codes[clip])?.name ?? this.nothing
    return this.confidence && this.confidence[clip] && this.confidence[clip] < 255 ? `${name} (${Math.round(this.confidence[clip] / 2.55)} %)` : name
  }

  /** Takes over the filter of an older facet of this key, whose values may have had other keys. */
  inherit(before) {
    const keys = new Map([[before.nothing, this.none], ...[...this.entries].map(([key, { name }]) => [name, key])])
    const now = key => keys.get(key === before.none ? before.nothing : before.entries.get(key)?.name)
    this.on = before.on
    this.hidden = new Set([...before.hidden].map(now).filter(key => key !== undefined))
    this.only = before.only === null ? null : now(before.only) ?? before.only
    return this
  }

  standing() { return { on: this.on, only: this.only, hidden: new Set(this.hidden) } }
}

/** Numbers: durations, scores, the numeric columns of the table. NaN is no value. */
export class Numbers {
  kind = "numeric"
  on = true
  low = -Infinity
  high = Infinity

  constructor({ key, title, values, min, max }) {
    Object.assign(this, { key, title, values, min, max })
  }

  get active() { return this.on && this.set }
  get set() { return this.low > this.min || this.high < this.max }

  /** Lets through what lies in [low, high]. An end at or beyond the smallest or largest value is open. */
  between(low, high) {
    this.on = true
    this.low = low <= this.min ? -Infinity : low
    this.high = high >= this.max ? Infinity : high
  }

  free() { this.between(-Infinity, Infinity) }

  narrow(mask) {
    if (!this.active) return
    const { values, low, high } = this
    // a clip without a value is held back by every range: NaN is in none
    for (let clip = 0; clip < mask.length; clip++) if (!(values[clip] >= low && values[clip] <= high)) mask[clip] = 0
  }

  /** How many clips that `among` marks have values in each of `bins` equal parts of [min, max]. */
  histogram(bins, among = null) {
    const tally = new Uint32Array(bins)
    const per = bins / (this.max - this.min || 1)
    for (let clip = 0; clip < this.values.length; clip++) {
      const value = this.values[clip]
      if (value === value && (!among || among[clip])) tally[Math.min(bins - 1, Math.max(0, Math.floor((value - this.min) * per)))]++
    }
    return tally
  }

  text(clip) {
    const value = this.values[clip]
    return value === value ? brief(value) : "none"
  }

  inherit(before) {
    Object.assign(this, { on: before.on, low: before.low, high: before.high })
    return this
  }

  standing() { return { on: this.on, low: this.low, high: this.high } }
}

/** The hits of a search, a mask `ring` [shape (n)], as facets; `scores` are those of the hits, in clip order. */
export function facetsOfHits(ring, scores) {
  const entries = new Map([[1, { name: "hit", colour: "#d55e00" }]])
  const hits = new Categories({ key: "hits", title: "search hits", codes: ring, entries, none: 0, nothing: "no hit" })
  if (!scores) return [hits]
  const values = new Float32Array(ring.length).fill(NaN)
  let at = 0
  ring.forEach((hit, clip) => { if (hit) values[clip] = scores[at++] })
  return [hits, new Numbers({ key: "score", title: "search score", values, min: Math.min(...scores), max: Math.max(...scores) })]
}

/** A number in at most four digits, as far as that tells it. */
export function brief(value) {
  if (!Number.isFinite(value)) return ""
  return Math.abs(value) >= 10000 || (value && Math.abs(value) < 0.001) ? value.toExponential(1) : String(Number(value.toPrecision(4)))
}

/**
 * A column as it comes from the server, as a facet. Bytes: uint32 length, so many bytes of JSON padded to 4, then float32 a clip,
 * or uint16 a clip padded to 4 and, where the header says "opacity", uint8 a clip.
 * @param {ArrayBuffer} buffer
 * @param {number} n how many clips are known: a column may be longer or shorter by those that are just added
 * @throws {Error} when the bytes are no column
 */
export function decodeColumn(buffer, key, title, n) {
  if (buffer.byteLength < 4) throw new Error(`column ${title} has ${buffer.byteLength} bytes, not even a header`)
  const length = new DataView(buffer).getUint32(0, true), start = 4 + length
  if (start > buffer.byteLength || start % 4) throw new Error(`column ${title}: its header claims ${length} of ${buffer.byteLength} bytes`)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const left = buffer.byteLength - start
  if (header.kind === "numeric") {
    const values = new Float32Array(n).fill(NaN)
    values.set(new Float32Array(buffer, start, Math.min(n, left >> 2)))
    return new Numbers({ key, title, values, min: header.min, max: header.max })
  }
  // what is sent holds n' codes, padded to 4 bytes, and n' of confidence
  const sent = header.n ?? (header.opacity ? Math.floor(left / 3) : left >> 1)
  const codes = new Uint16Array(n).fill(NONE), place = start + Math.ceil(2 * sent / 4) * 4
  codes.set(new Uint16Array(buffer, start, Math.min(n, sent)))
  let confidence = null
  if (header.opacity) {
    confidence = new Uint8Array(n)
    confidence.set(new Uint8Array(buffer, place, Math.min(n, sent)))
  }
  const colours = header.colours ?? []
  const entries = new Map(header.names.map((name, at) => [at, { name: String(name), colour: colours[at % colours.length] ?? "#888888" }]))
  return new Categories({ key, title, codes, entries, none: NONE, confidence })
}
