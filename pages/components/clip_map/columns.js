/** The facets in use for colours, filters and axes: label, subset, columns of the dataset, and hits of a search. Columns are fetched when they are needed. No DOM. */
import { decodeSet } from "./codec.js"
import { decodeColumn, facetsOfHits } from "./facets.js"

const LIST_MS = 1500 // after the first painting, until the list of columns is fetched, if it was not needed before
const REFRESH_MS = 400 // after the last label, until columns that depend on labels are fetched again
const LIVE = new Set(["predicted", "annotator", "how", "duration"]) // their values change with the labels or the sounds
const OF_HITS = ["hits", "score"]
const FIRST_AXES = { x: "0", y: "1" }
const OUR_AXIS = "c:" // before the key of a column that is an axis

export class Columns {
  #list = [] // [{key, title, kind}]
  #listAddress = null // address of that list
  #filters = new Set() // keys of the facets that the person filters by
  #listTimer = null
  #refreshTimer = null
  #ringKey = undefined
  #drawnAxes = FIRST_AXES

  /** The key of the facet that the colours show. */
  by = "label"

  /** The keys {x, y} of the chosen axes: a dimension of the map, or c: and a numeric column. */
  axes = FIRST_AXES

  /** The hits of a search [shape (n), 0 or 1], or null. */
  ring = null

  /**
   * @param parts {link; loader {clips}; selection {filter}; renderer {redraw}; toolbar {showAxes}; problem, shows errors; signal, ends all fetching}
   * @param acts {busy(on)}
   */
  constructor({ link, loader, selection, renderer, toolbar, problem, signal }, acts) {
    Object.assign(this, { link, loader, selection, renderer, toolbar, problem, signal, acts })
  }

  /** Call this before another dataset, which has other columns. */
  forget() {
    this.by = "label"
    this.#filters.clear()
    this.#list = []
  }

  /** Call this when a map was loaded with these axes. */
  open(axes) {
    this.#drawnAxes = axes
    this.#ringKey = undefined
    if (this.#listAddress === this.link.data.columns) this.#loadList()
  }

  /** Call this with every run: another map has other axes. */
  updateAxes(before) {
    const { data } = this.link, { x, y } = this.axes
    const sameMap = data.map.split("?")[0] === before?.map.split("?")[0]
    const isKnown = key => key.startsWith(OUR_AXIS) || data.axes.some(axis => axis.key === key)
    if (!sameMap || !isKnown(x) || !isKnown(y)) this.axes = FIRST_AXES
    this.#showAxes()
  }

  /** Applies the columns and hits of a run. */
  obey() {
    const { data } = this.link, { ring } = data
    if (data.columns !== this.#listAddress) {
      // the server reads the whole table for it: fetch it after the first painting
      clearTimeout(this.#listTimer)
      this.#listTimer = setTimeout(() => this.loadList(), LIST_MS)
    }
    const key = ring ? `${ring.set} ${ring.scores ?? ""}` : null
    if (key === this.#ringKey) return
    this.#ringKey = key
    this.ring = ring && decodeSet(ring.set, this.loader.clips.n)
    this.#takeHits(ring)
    this.renderer.redraw("overlay")
  }

  /** The facet that the colours show. */
  get facet() { return this.loader.clips.facets.get(this.by) ?? this.loader.clips.label }

  /** The facets to colour and filter by, besides label and subset: [{key, title}]. */
  get choices() {
    const hits = [...this.loader.clips?.facets.values() ?? []].filter(({ key }) => OF_HITS.includes(key))
    return [...this.#list, ...hits.map(({ key, title }) => ({ key, title }))]
  }

  /** The facets with a row in the list of filters. */
  get rows() {
    const { clips } = this.loader, { key: shown } = this.facet
    return [...clips.facets.values()].filter(({ key, set }) => this.#filters.has(key) || (set && key !== shown && key !== "subset"))
  }

  /** The titles {x, y} of the axes that are drawn. */
  get titles() {
    const title = key => this.link.data.axes.find(axis => axis.key === key)?.title ?? this.#list.find(column => OUR_AXIS + column.key === key)?.title ?? key.replace(/^c:(table:)?/, "")
    return { x: title(this.#drawnAxes.x), y: title(this.#drawnAxes.y) }
  }

  /** The titles {x, y} of axes that are numeric columns; null for a dimension. */
  get scales() {
    const { x, y } = this.#drawnAxes, { titles } = this
    if (!this.loader.clips.placed) return { x: null, y: null }
    return { x: x.startsWith(OUR_AXIS) ? titles.x : null, y: y.startsWith(OUR_AXIS) ? titles.y : null }
  }

  /** The value of a clip that its colour shows, unless that is label or subset. */
  fact(clip) { return this.by === "label" || this.by === "subset" ? "" : `${this.facet.title}: ${this.facet.text(clip)}` }

  setAxes(axes) { this.axes = axes }

  colourBy(key) { return this.#use(key, () => { this.by = key }) }

  filterBy(key) { return this.#use(key, () => this.#filters.add(key)) }

  /** Removes a filter: all of its values are shown again. */
  dropFilter(key) {
    this.#filters.delete(key)
    this.selection.filter(() => {
      const { facets } = this.loader.clips, facet = facets.get(key)
      facet.on = true
      facet.free()
      if (key !== this.by && this.#list.some(column => column.key === key)) facets.delete(key)
    })
  }

  /** Call this when labels have changed: fetches the columns that depend on them again, after the last of several changes. */
  followLabels() {
    if (![...this.loader.clips.facets.keys()].some(key => LIVE.has(key))) return
    clearTimeout(this.#refreshTimer)
    this.#refreshTimer = setTimeout(() => this.#refresh(key => LIVE.has(key)), REFRESH_MS)
  }

  /** Fetches the list of columns, unless it is loaded. */
  loadList() {
    if (this.link.data && this.#listAddress !== this.link.data.columns) this.#loadList()
  }

  /** Fetches the list of columns, and again the columns in use that lack some clips. */
  async #loadList() {
    const { columns } = this.link.data
    this.#listAddress = columns
    const inUse = new Set([this.by, ...this.#filters])
    try {
      const list = await fetchList(this.link.address(columns), this.signal)
      if (columns !== this.link.data.columns) return
      this.#list = list
    } catch {
      if (!this.signal.aborted) this.#listAddress = null // the next run tries again
      return
    }
    if (this.loader.clips) this.#refresh(key => inUse.has(key) && !this.loader.clips?.facets.has(key))
    this.#showAxes()
    this.renderer.redraw("legend")
  }

  /** Fetches a column if it is not loaded yet; then calls `act`. */
  async #use(key, act) {
    const { clips } = this.loader
    if (!clips) return
    try {
      if (!clips.facets.has(key)) {
        this.acts.busy(true)
        const facet = await this.#fetch(key)
        if (!facet || !this.#fits(facet)) throw new Error("the table has changed meanwhile, so choose it again")
        this.loader.clips.take(facet)
      }
      act()
    } catch (error) {
      if (!this.signal.aborted) this.problem.show(`That column could not be loaded: ${error.message}.`, "Close", () => this.problem.hide())
    }
    this.acts.busy(false)
    this.renderer.redraw("colours", "legend")
  }

  async #fetch(key) {
    const column = this.#list.find(other => other.key === key), { clips } = this.loader
    return column && clips && fetchColumn(this.link.address(this.link.data.column), column, clips.n, this.signal)
  }

  #fits(facet) { return (facet.codes ?? facet.values).length === this.loader.clips?.n }

  /** Fetches columns again, because labels have changed them or clips were added. */
  async #refresh(which) {
    for (const key of new Set([this.by, ...this.#filters, ...this.loader.clips?.facets.keys() ?? []])) {
      if (!which(key)) continue
      try {
        const facet = await this.#fetch(key)
        if (!facet || !this.#fits(facet)) continue
        this.loader.clips.take(facet)
      } catch {
        continue // the next label tries again; until then the older values are shown
      }
      this.renderer.redraw("colours", "legend", "overlay", "pointer")
    }
  }

  /** Adds the hits of a search and their scores as facets. */
  #takeHits(ring) {
    const { clips } = this.loader
    for (const key of OF_HITS) {
      if (!ring || (key === "score" && !ring.scores)) {
        this.#filters.delete(key)
        if (this.by === key) this.by = "label"
        if (clips.facets.has(key)) this.selection.filter(() => clips.facets.delete(key))
      }
    }
    for (const facet of ring ? facetsOfHits(this.ring, ring.scores) : []) {
      // if the person filters by hits, other hits change the selection
      if (clips.facets.get(facet.key)?.active) this.selection.filter(() => clips.take(facet))
      else clips.take(facet)
    }
    this.renderer.redraw("colours", "legend")
  }

  /** The dimensions of the map and the numeric columns. */
  #showAxes() {
    const numeric = this.#list.filter(({ kind }) => kind === "numeric").map(({ key, title }) => ({ key: OUR_AXIS + key, title }))
    this.toolbar.showAxes([...this.link.data.axes, ...numeric], this.axes)
  }

  close() {
    clearTimeout(this.#listTimer)
    clearTimeout(this.#refreshTimer)
  }
}

/** Fetches the list of columns [{key, title, kind}]; it is empty if the server refuses. */
async function fetchList(address, signal) {
  const response = await fetch(address, { signal, cache: "no-store" })
  return response.ok ? response.json() : []
}

/** Fetches one column as a facet of `n` clips. */
async function fetchColumn(address, { key, title }, n, signal) {
  const response = await fetch(new URL(encodeURIComponent(key), address), { signal, cache: "no-store" })
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  return decodeColumn(await response.arrayBuffer(), key, title, n)
}
