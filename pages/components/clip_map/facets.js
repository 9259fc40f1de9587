/** Facets, by which clips are coloured and filtered: a facet has one value for each clip, and a filter. No DOM. */

/** The key of "no value" in a facet of categories that comes from a column. */
export const NONE = 65535

/** A facet whose values are names: labels, subsets, annotators, words of a column. */
export class Categories {
  kind = "categorical"
  on = true // ticked; without the tick the filter keeps its settings, and everything passes
  hidden = new Set()
  only = null

  /**
   * @param {string} key, title its name in addresses, and on the page
   * @param codes [shape (n), integers] the key of each clip's value
   * @param entries Map key → {name, colour "#rrggbb"}; @param {number} none the key of "no value", @param {string} nothing its name
   * @param {Uint8Array} [confidence] [shape (n)] how sure each value is, 0 to 255
   */
  constructor({ key, title, codes, entries, none, nothing = "none", confidence = null }) {
    Object.assign(this, { key, title, codes, entries, none, nothing, confidence })
  }

  /** Whether the filter hides values. */
  get active() { return this.on && this.set }

  /** Whether the filter has settings, ticked or not. */
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

  /** Shows only this value; a second call shows all. */
  isolate(key) {
    this.only = this.only === key ? null : key
    this.on = true
    this.hidden.clear()
  }

  /** Shows all values again. */
  free() {
    this.only = null
    this.hidden.clear()
  }

  /** Sets `mask` [shape (n)] to 0 for the clips that the filter hides. */
  narrow(mask) {
    if (!this.active) return
    const { codes } = this
    let code, shown = 0, isFirst = true
    for (let clip = 0; clip < mask.length; clip++) {
      if (isFirst || codes[clip] !== code) { // neighbours in the table often have the same value
        code = codes[clip]
        shown = this.shows(code) ? 1 : 0
        isFirst = false
      }
      mask[clip] &= shown
    }
  }

  /** The number of clips with each value, Map key → count, out of those that `among` marks (without it, of all). */
  counts(among = null) {
    const { codes, keys } = this
    const tally = new Uint32Array(2 + this.largestKey) // the key of unlabelled is −1
    if (among) for (let clip = 0; clip < codes.length; clip++) tally[codes[clip] + 1] += among[clip]
    else for (let clip = 0; clip < codes.length; clip++) tally[codes[clip] + 1]++
    return new Map(keys.map(key => [key, tally[key + 1]]))
  }

  /** The keys of all values, "no value" first. */
  get keys() { return [this.none, ...this.entries.keys()] }

  get largestKey() { return this.keys.reduce((most, key) => Math.max(most, key)) }

  /** The value of a clip as text. */
  text(clip) {
    const name = this.entries.get(this.codes[clip])?.name ?? this.nothing
    return this.confidence && this.confidence[clip] && this.confidence[clip] < 255 ? `${name} (${Math.round(this.confidence[clip] / 2.55)} %)` : name
  }

  /** Takes over the filter of an older version of this facet, in which the values may have other keys. */
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

/** A facet whose values are numbers: durations, scores, numeric columns of the table. NaN is no value. */
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

  /** Shows the values in [low, high]. An end at or beyond the smallest or largest value is open. */
  between(low, high) {
    this.on = true
    this.low = low <= this.min ? -Infinity : low
    this.high = high >= this.max ? Infinity : high
  }

  free() { this.between(-Infinity, Infinity) }

  narrow(mask) {
    if (!this.active) return
    const { values, low, high } = this
    // every range hides clips without a value: NaN is in no range
    for (let clip = 0; clip < mask.length; clip++) if (!(values[clip] >= low && values[clip] <= high)) mask[clip] = 0
  }

  /** The number of clips in each of `bins` equal parts of [min, max], out of those that `among` marks (without it, of all). */
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

/** The hits of a search as facets: `ring` is a mask of the hits [shape (n)], `scores` are their scores in clip order. */
export function facetsOfHits(ring, scores) {
  const entries = new Map([[1, { name: "hit", colour: "#d55e00" }]])
  const hits = new Categories({ key: "hits", title: "search hits", codes: ring, entries, none: 0, nothing: "no hit" })
  if (!scores) return [hits]
  const values = new Float32Array(ring.length).fill(NaN)
  let at = 0
  ring.forEach((hit, clip) => { if (hit) values[clip] = scores[at++] })
  return [hits, new Numbers({ key: "score", title: "search score", values, min: Math.min(...scores), max: Math.max(...scores) })]
}

/** A number with at most four significant digits. */
export function brief(value) {
  if (!Number.isFinite(value)) return ""
  return Math.abs(value) >= 10000 || (value && Math.abs(value) < 0.001) ? value.toExponential(1) : String(Number(value.toPrecision(4)))
}

/**
 * Decodes a column from the server into a facet. Bytes: uint32 length, that many bytes of JSON padded to a multiple of 4, then a float32 for each clip,
 * or a uint16 for each clip, padded, and then, if the header says "opacity", a uint8 for each clip.
 * @param {ArrayBuffer} buffer
 * @param {number} n number of clips on the map: a column may have more or fewer, if clips were just added
 * @throws {Error} when the bytes are not a column
 */
export function decodeColumn(buffer, key, title, n) {
  if (buffer.byteLength < 4) throw new Error(`column ${title} has ${buffer.byteLength} bytes, not even a header`)
  const length = new DataView(buffer).getUint32(0, true), start = 4 + length
  if (start > buffer.byteLength || start % 4) throw new Error(`column ${title}: its header claims ${length} of ${buffer.byteLength} bytes`)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const rest = buffer.byteLength - start
  if (header.kind === "numeric") {
    const values = new Float32Array(n).fill(NaN)
    values.set(new Float32Array(buffer, start, Math.min(n, rest >> 2)))
    return new Numbers({ key, title, values, min: header.min, max: header.max })
  }
  // the bytes hold `count` codes, padded to 4 bytes, and `count` confidences
  const count = header.n ?? (header.opacity ? Math.floor(rest / 3) : rest >> 1)
  const codes = new Uint16Array(n).fill(NONE), place = start + Math.ceil(2 * count / 4) * 4
  codes.set(new Uint16Array(buffer, start, Math.min(n, count)))
  let confidence = null
  if (header.opacity) {
    confidence = new Uint8Array(n)
    confidence.set(new Uint8Array(buffer, place, Math.min(n, count)))
  }
  const colours = header.colours ?? []
  const entries = new Map(header.names.map((name, at) => [at, { name: String(name), colour: colours[at % colours.length] ?? "#888888" }]))
  return new Categories({ key, title, codes, entries, none: NONE, confidence })
}
