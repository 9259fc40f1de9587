/**
 * The lasso map. Plotly has axes, mode bar, zoom and pan; canvases of ours beneath it draw points, lasso and box; our script tests the polygon.
 * It is mounted by the few lines of inline.js with every run of the page and keeps itself between runs: a run brings news, never a new map.
 *
 * Up to Python go, by an Outbox, acts {kind: "selection", set, kept, passes, n, how, polygon}, {kind: "focus", position} and the commands of keys, {kind, …}.
 * Looking, hearing, zooming and other people's labels send nothing and run no script.
 *
 * Test seam: window.__hoverMap = {state(), pixel(position), colour(position)} of the map mounted last. See seam.js.
 */
import { decodeBase, decodeSet, encodeSet, siteRoot } from "./codec.js"
import { Clips } from "./clips.js"
import { fillColours, fillRanks, legendOf, strengthsOf } from "./colours.js"
import { column, LIVE, offered } from "./columns.js"
import { Bar, helpSheet, make } from "./controls.js"
import { facetsOfHits } from "./facets.js"
import { Feed } from "./feed.js"
import { Frame, loadPlotly, whole } from "./frame.js"
import { extentOf, findInPolygon, Grid } from "./geometry.js"
import { Hands, isWriting } from "./hands.js"
import { Hold } from "./hold.js"
import { Hover } from "./hover.js"
import { BINS, Filters, Legend, Ramp, summaryOf } from "./legend.js"
import { drawMarks, drawStill } from "./marks.js"
import { Montage, spread } from "./montage.js"
import { notesOf } from "./notes.js"
import { leaving } from "./leaving.js"
import { Outbox } from "./outbox.js"
import { Sound } from "./sound.js"
import { seamOf } from "./seam.js"
import { style } from "./style.js"
import { sounding } from "./voice.js"
import { colourOf, css, legible, mix, Painter, themeOf, View } from "./paint.js"

const MOST_COUNTED = 200000 // while a lasso is drawn: beyond it an estimate does, so that no frame is late
const COLUMNS_MS = 1500 // so long after the first painting the menus of columns are asked for, if nobody wanted them before
const REFRESH_MS = 400 // columns that follow the labels: so long after the last label
const MISSED_MS = 2500 // a map that the server did not know is asked for once more after so long
const PROMISE_MS = 15000 // a label that is shown and by then neither written nor refused is taken off again
const NEWS_MS = 2500 // counts and buttons outside the map follow the labels of others after so long, and not more often
const NEWS_SHARE = 20 // nor more often than the server can easily do: a run may take one part in so many of the time
const NEWS_LATEST_MS = 30000
const BUSY = "[data-testid=stPopoverBody]" // what a run of the page might close
const WAITING = ["legend", "colours", "ranks", "points"]

const maps = new WeakMap() // by parentElement
const seen = new Map() // by address of the base: the zoom to come back to

/** Mounts or updates the map in component.parentElement. Answers a function that takes it away. */
export function mount(component) {
  const place = component.parentElement
  if (!maps.has(place)) {
    // A server that came back with newer files brings a second copy of this module into the same page: its map gives way.
    for (const older of place.querySelectorAll(":scope > .clip-map")) older.clipMap.close()
    maps.set(place, new ClipMap(place))
  }
  maps.get(place).update(component)
  return leaving(maps, place, map => map.close())
}

class ClipMap {
  constructor(place) {
    this.gone = new AbortController()
    this.dirty = {}
    this.hold = new Hold()
    this.outbox = new Outbox()
    this.hover = new Hover(this, () => { this.#soon("marks"); this.bar?.showSound(this.hover.sound.on, this.hover.sound.volume) })
    this.montage = new Montage(new Sound(() => this.montage?.heard()), clip => this.clipAddress(clip, "audio"), () => this.#montaged())
    this.bar = new Bar({
      op: op => this.hands.setOp(op),
      hear: () => this.#hearIt(),
      invert: () => { this.clips?.invert(); this.#chosen("invert") },
      clear: () => this.#clear(),
      zoom: () => this.#zoomToSelection(),
      subset: (subset, event) => this.#filter(() => event.detail > 1 ? this.clips.subset.isolate(subset) : this.clips.subset.toggle(subset), event),
      colourBy: by => this.#use(by, () => { this.by = by }),
      filterBy: by => this.#use(by, () => this.filtered.add(by)),
      axes: (x, y) => { this.axes = { x, y }; this.#load() },
      sound: (on, volume) => this.hover.sound.set(on, volume),
      help: () => { this.sheet.hidden = !this.sheet.hidden },
    })
    this.by = "label" // the facet that the colours show
    this.filtered = new Set() // facets that somebody asked to filter by
    this.columns = []
    this.axes = { x: "0", y: "1" }
    this.legend = new Legend((value, act, event) => this.#legendAct(this.facet, value, act, event))
    this.ramp = new Ramp((low, high) => this.#filter(() => this.facet.between(low, high)))
    this.filters = new Filters({
      tick: (key, on) => this.#filter(() => { this.clips.facets.get(key).on = on }),
      away: key => this.#away(key),
      entry: (key, value, act, event) => this.#legendAct(this.clips.facets.get(key), value, act, event),
      range: (key, low, high) => this.#filter(() => this.clips.facets.get(key).between(low, high)),
    })
    this.sheet = helpSheet(() => { this.sheet.hidden = true })
    this.points = make("canvas")
    this.still = make("canvas")
    this.marks = make("canvas")
    this.gd = make("div.plotly")
    this.note = make("div.note")
    this.problem = make("div.problem", { role: "alert", hidden: "" })
    this.box = make("div.plot", { tabindex: 0, "aria-label": "Map of the clips" }, this.points, this.still, this.marks, this.gd, this.note, this.hover.tip, this.problem, this.sheet)
    this.element = make("div.", {}, this.bar.element, this.filters.element, this.box, this.legend.element, this.ramp.element, this.hover.sound.element, this.montage.sound.element)
    this.element.className = "clip-map"
    this.element.clipMap = this
    this.painter = new Painter(this.points)
    this.frame = new Frame(this.gd, {
      moved: range => this.#moved(range),
      home: () => this.frame.goTo(whole(this.clips.base)),
    }, this.hold)
    this.bar.element.addEventListener("pointerenter", () => this.data && this.columnsOf !== this.data.columns && this.#ask())
    this.bar.showSound(this.hover.sound.on, this.hover.sound.volume)
    this.bar.showLive(null, [])
    this.hands = new Hands(this, {
      op: op => this.bar.showOp(op),
      click: (px, py, how) => this.#click(px, py, how),
      drawn: stroke => this.#enclose(stroke),
      paint: (mask, op, label) => this.#painted(mask, op, label),
      pan: range => this.frame.goTo(range),
      counting: count => this.bar.showCaught(count, "painted"),
      key: key => this.#key(key),
      moved: () => this.#soon("marks"),
      released: () => this.#soon(),
    }, this.hold, this.gone.signal)
    this.hands.setOp("new")
    const { signal } = this.gone
    // a button elsewhere on the page may write labels: the journal knows before the page has run
    document.addEventListener("click", event => this.#clicked(event), { signal, capture: true })
    addEventListener("resize", () => this.#resized(), { signal })
    this.sized = new ResizeObserver(() => this.#resized())
    this.sized.observe(this.box)
    place.append(this.element)
  }

  // ── What Python says ───

  update(component) {
    const { data } = component, before = this.data
    this.component = component
    this.data = data
    this.outbox.heard(component, data.heard)
    const root = siteRoot()
    this.root = root
    this.styled = style(new URL(`${data.assets}map.css`, root).href, this.element)
    this.hold.run("height", () => {
      this.element.style.setProperty("--clip-map-height", this.data.height ? `${this.data.height}px` : "auto")
      this.#fill()
    })
    this.#readTheme()
    if (data.focus !== before?.focus) this.focus = data.focus
    if (data.journal !== before?.journal) {
      this.clips = this.told = null
      this.feed?.close()
      this.by = "label"
      this.filtered.clear()
      this.columns = []
      this.early = []
      this.hover.forget()
      this.montage.stop()
      this.newest = -1
      const address = new URL(data.journal, root)
      address.searchParams.set("embedding", new URL(data.map, root).pathname.split("/").pop())
      this.feed = new Feed(address.href, journal => this.#take(journal), () => this.#showLive())
    } else {
      if (this.newsAt && data.revision !== before.revision) {
        this.ranFor = performance.now() - this.newsAt
        this.newsAt = null
      }
      this.#kept()
      this.feed.hear(data.revision ?? -1)
    }
    const sameMap = data.map.split("?")[0] === before?.map.split("?")[0]
    if (!sameMap || ![this.axes.x, this.axes.y].every(key => key.startsWith("c:") || data.axes.some(axis => axis.key === key))) this.axes = { x: "0", y: "1" }
    this.#showAxes()
    if (data.map !== before?.map || data.journal !== before?.journal) this.#load()
    else this.#obey()
    window.__hoverMap = seamOf(this)
  }

  async #load() {
    this.loading?.abort()
    const { signal } = this.loading = new AbortController()
    const { plotly } = this.data, { x, y } = this.axes
    const map = new URL(this.data.map, this.root)
    if (x !== "0" || y !== "1") for (const [axis, key] of [["x", x], ["y", y]]) map.searchParams.set(axis, key)
    this.problem.hidden = true
    this.loadingMap = map.href
    this.element.classList.add("clip-map-loading")
    try {
      const bundle = loadPlotly(new URL(plotly, this.root).href)
      bundle.catch(() => {}) // awaited below; a base that fails first must not leave this one unhandled
      const answer = await fetch(map, { signal })
      if (!answer.ok && this.missed !== map.href) return this.#miss(map.href)
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
      const base = decodeBase(await answer.arrayBuffer())
      await this.styled
      await this.hold.free()
      if (signal.aborted || this.gone.signal.aborted) return
      this.clips = new Clips(base, this.clips ?? undefined)
      this.drawnAxes = { x, y }
      this.found = new Uint8Array(base.n)
      this.colours = new Uint32Array(base.n)
      this.ranks = new Uint8Array(base.n)
      this.told ??= { ...this.clips.report(), passes: this.data.narrowed ? "" : null } // what Python knows
      this.ringTold = undefined
      this.grid = null
      this.outline = null
      this.shownMap = map.href
      this.range = seen.get(zoomed(map)) ?? whole(base)
      if (this.columnsOf === this.data.columns) this.#ask()
      this.#measure()
      for (const journal of this.early.splice(0)) this.clips.apply(journal)
      this.#obey({ fresh: true })
      this.#soon("colours", "legend", "still", "marks")
      const Plotly = await bundle
      await this.hold.free()
      if (signal.aborted || this.gone.signal.aborted) return
      await this.frame.show(Plotly, this.range, this.view ?? { width: 600, height: 400 }, this.theme)
      this.element.classList.remove("clip-map-loading")
    } catch (error) {
      if (signal.aborted || this.gone.signal.aborted) return
      this.problem.replaceChildren(
        make("span", {}, `The map could not be loaded: ${error.message}. `),
        make("button", { type: "button", click: () => this.#load() }, "Try again"))
      this.problem.hidden = false
    }
  }

  /** A map that is not there any more has been replaced while the page was on its way: a run brings the new address. */
  #miss(address) {
    this.missed = address
    this.#say({ kind: "gone" })
    clearTimeout(this.missing)
    this.missing = setTimeout(() => this.gone.signal.aborted || this.shownMap === this.loadingMap || this.#load(), MISSED_MS)
  }

  /** What a run asks for that holds for the clips that are loaded; `fresh` if they were loaded just now. */
  #obey({ fresh = false } = {}) {
    const { data, clips } = this
    if (!clips) return
    const imposed = data.select && data.select.id !== this.obeyed
    if (imposed) {
      this.obeyed = data.select.id
      this.#impose(data.select)
      this.outline = null
      this.#soon("ranks", "still")
      this.bar.showCount(clips.count, clips.placed)
    }
    if (!this.asked && data.count && !clips.count) this.#say({ kind: "lost" }) // a page that was left and came back
    else if (fresh || imposed) this.#tellNews()
    this.asked = true
    if (data.columns !== this.columnsOf) {
      // the server reads the whole table for it: after what is on the screen
      clearTimeout(this.askLater)
      this.askLater = setTimeout(() => this.columnsOf === this.data.columns || this.#ask(), COLUMNS_MS)
    }
    const told = data.ring ? `${data.ring.set} ${data.ring.scores ?? ""}` : null
    if (told !== this.ringTold) {
      this.ringTold = told
      this.ring = data.ring && decodeSet(data.ring.set, clips.n)
      this.#found(data.ring)
      this.#soon("still")
    }
    this.#showNotes()
    this.#soon("marks")
  }

  /** Takes over a selection from Python, which knows it as `chosen` of `set`; the filters have the last word. */
  #impose({ set, chosen, how }) {
    const { clips } = this
    const known = chosen ?? set
    clips.impose(set, how)
    const again = encoded => encodeSet(decodeSet(encoded, clips.n))
    this.told = { ...this.told, set: again(known), kept: chosen === null ? null : again(set) }
  }

  #take(journal) {
    if (!this.clips) return void this.early.push(journal)
    const fresh = this.clips.apply(journal)
    if (journal.n > this.clips.n && this.grown !== journal.n) {
      // clips were added: the same address now has a longer base, and this journal named clips that we do not know yet
      this.grown = journal.n
      this.#load().then(() => this.feed.again(-1))
    }
    this.#showLive()
    if (fresh) {
      this.#soon("colours", "legend")
      this.#now() // the page's own redraw after a label would keep the next frame waiting
    }
    if (fresh) this.#follow(journal.revision)
    if (fresh && [...this.clips.facets.keys()].some(key => LIVE.has(key))) {
      clearTimeout(this.refreshing)
      this.refreshing = setTimeout(() => this.#refresh(key => LIVE.has(key)), REFRESH_MS)
    }
  }

  /** Others have labelled: the page around the map hears of it by a run, unless one has come meanwhile. Never under somebody's hands. */
  #follow(revision) {
    this.newest = Math.max(this.newest ?? -1, revision)
    if (this.following || !this.data.listens) return
    const pause = Math.min(NEWS_LATEST_MS, Math.max(NEWS_MS, NEWS_SHARE * (this.ranFor ?? 0)))
    this.following = setTimeout(() => {
      this.following = null
      if (this.gone.signal.aborted || (this.data.revision ?? -1) >= this.newest) return
      if (document.hidden || this.hold.drawing || isWriting() || document.querySelector(BUSY)) return this.#follow(revision)
      this.newsAt = performance.now()
      this.#say({ kind: "news" })
    }, pause)
  }

  #showLive() {
    const { state } = this.feed, { promised, people } = this.clips ?? {}
    this.bar.showLive(state === "live" && promised?.length ? "writing" : state, people ?? [])
  }

  // ── Labels that are on their way ───

  /** A button elsewhere on the page may write labels: the journal knows before the page has run, and we know before the journal. */
  #clicked({ target }) {
    const button = this.element.contains(target) ? null : target.closest?.("button")
    if (!button) return
    this.feed?.expect()
    const { offer } = this.data ?? {}
    if (offer && button.closest(`.${offer.by}`)) this.#promise(offer.code, offer)
  }

  /** Shows what is being written: nobody should wait to see what they have done. */
  #promise(code, entry) {
    const promise = this.clips?.promise(code, entry)
    if (!promise) return
    // each attempt is counted by Python, also one that is refused
    promise.due = Math.max(this.data.attempts ?? 0, ...this.clips.promised.filter(({ due }) => due).map(({ due }) => due)) + 1
    setTimeout(() => { if (!this.gone.signal.aborted && this.clips.break(promise)) this.#soon("colours", "legend") }, PROMISE_MS)
    this.#showLive()
    this.#soon("colours", "legend")
  }

  /** Python has tried: what its revision does not bring was refused. */
  #kept() {
    const { clips, data } = this
    for (const promise of clips?.promised ?? []) {
      if ((data.attempts ?? 0) < promise.due) continue
      promise.until = Math.min(promise.until, data.revision ?? 0)
      if (clips.revision >= promise.until && clips.break(promise)) this.#soon("colours", "legend")
    }
    this.#showLive()
  }

  // ── Columns ───

  /** The facet that the colours show. */
  get facet() { return this.clips.facets.get(this.by) ?? this.clips.label }

  /** The dimensions of the map and the numeric columns. */
  #showAxes() {
    const numeric = this.columns.filter(({ kind }) => kind === "numeric").map(({ key, title }) => ({ key: `c:${key}`, title }))
    this.bar.showAxes([...this.data.axes, ...numeric], this.axes)
  }

  /** Learns which columns there are, and fetches again what is in use and not known of every clip. */
  async #ask() {
    const { columns } = this.data
    this.columnsOf = columns
    const wanted = new Set([this.by, ...this.filtered])
    try {
      const found = await offered(new URL(columns, this.root), this.gone.signal)
      if (columns !== this.data.columns) return
      this.columns = found
    } catch (error) {
      if (!this.gone.signal.aborted) this.columnsOf = null // the next run asks again
      return
    }
    if (this.clips) this.#refresh(key => wanted.has(key) && !this.clips.facets.has(key))
    this.#showAxes()
    this.#soon("legend")
  }

  /** What can be coloured and filtered by, beside label and subset. */
  get #choices() {
    const here = [...this.clips?.facets.values() ?? []].filter(({ key }) => key === "hits" || key === "score")
    return [...this.columns, ...here.map(({ key, title }) => ({ key, title }))]
  }

  /** Fetches a column if it is not known yet; then does something with it. */
  async #use(key, then) {
    const { clips } = this
    if (!clips) return
    try {
      if (!clips.facets.has(key)) {
        this.element.classList.add("clip-map-loading")
        const facet = await this.#fetched(key)
        if (!facet || !this.#fits(facet)) throw new Error("the table has changed meanwhile, choose it again")
        this.clips.take(facet)
      }
      then()
    } catch (error) {
      if (!this.gone.signal.aborted) this.#complain(`That column could not be loaded: ${error.message}.`)
    }
    this.element.classList.remove("clip-map-loading")
    this.#soon("colours", "legend")
  }

  async #fetched(key) {
    const entry = this.columns.find(other => other.key === key)
    return entry && this.clips && column(new URL(this.data.column, this.root), entry, this.clips.n, this.gone.signal)
  }

  #fits(facet) { return (facet.codes ?? facet.values).length === this.clips?.n }

  /** Fetches columns once more: labels have changed them, or clips were added. */
  async #refresh(which) {
    for (const key of new Set([this.by, ...this.filtered, ...this.clips?.facets.keys() ?? []])) {
      if (!which(key)) continue
      try {
        const facet = await this.#fetched(key)
        if (!facet || !this.#fits(facet)) continue
        this.clips.take(facet)
      } catch {
        continue // the next label asks again; meanwhile the older values are shown
      }
      this.#soon("colours", "legend", "still", "marks")
    }
  }

  /** Search hits, and how well they fit, as facets of their own. */
  #found(ring) {
    const { clips } = this
    for (const key of ["hits", "score"]) {
      if (!ring || (key === "score" && !ring.scores)) {
        this.filtered.delete(key)
        if (this.by === key) this.by = "label"
        if (clips.facets.has(key)) this.#filter(() => clips.facets.delete(key))
      }
    }
    for (const facet of ring ? facetsOfHits(this.ring, ring.scores) : []) {
      // whoever moves the hits that they filter by moves the selection under the filter
      if (clips.facets.get(facet.key)?.active) this.#filter(() => clips.take(facet))
      else clips.take(facet)
    }
    this.#soon("colours", "legend")
  }

  /** Takes a filter away: all of its values are shown again. */
  #away(key) {
    this.filtered.delete(key)
    this.#filter(() => {
      const facet = this.clips.facets.get(key)
      facet.on = true
      facet.free()
      if (key !== this.by && this.columns.some(other => other.key === key)) this.clips.facets.delete(key)
    })
  }

  #complain(sentence) {
    this.problem.replaceChildren(make("span", {}, `${sentence} `), make("button", { type: "button", click: () => { this.problem.hidden = true } }, "Close"))
    this.problem.hidden = false
  }

  // ── Theme, size, view ───

  #readTheme() {
    const { ground, ink } = themeOf(this.element)
    const accent = css(colourOf(getComputedStyle(this.element).getPropertyValue("--st-primary-color").trim(), "#ff4b4b"))
    const key = String([ground, ink, accent])
    if (key === this.theme?.key) return
    this.theme = { key, ground, ink, accent, grey: mix(ground, ink, 0.48) }
    this.#soon("colours", "legend", "still", "marks")
    this.frame.dress(this.theme)
  }

  /** Without a height the map ends where the window ends. */
  #fill() {
    if (this.data?.height) return
    const top = this.element.getBoundingClientRect().top + (this.element.closest("section")?.scrollTop ?? scrollY)
    this.element.style.setProperty("--clip-map-height", `${Math.max(420, Math.floor(innerHeight - Math.min(top, innerHeight / 2) - 16))}px`)
  }

  /** Takes the box's size over: what is drawn has it from now on, until the next time. */
  #measure() {
    const { clientWidth: width, clientHeight: height } = this.box
    this.size = width && height ? { width, height } : null
    this.box.style.setProperty("--clip-map-wide", `${width}px`)
    this.box.style.setProperty("--clip-map-high", `${height}px`)
    this.#look()
  }

  #look() {
    if (this.range && this.size) this.view = new View(this.range.x, this.range.y, this.size.width, this.size.height)
  }

  #moved(range) {
    if (!this.clips) return
    this.range = range
    seen.set(zoomed(this.shownMap), range)
    this.hover.leave()
    this.#look()
    if (!this.view?.same(this.painter.painted)) this.#soon("view", "still", "marks")
  }

  #zoomToSelection() {
    const { clips } = this
    if (!clips?.count) return
    let [x0, x1, y0, y1] = extentOf(clips.base, clip => clips.selected[clip] && clips.shown[clip])
    if (x0 > x1) return
    // one clip alone has no size: show a twentieth of the map around it
    const leastX = (clips.base.x1 - clips.base.x0) / 40, leastY = (clips.base.y1 - clips.base.y0) / 40
    if (x1 - x0 < leastX) { x0 -= leastX; x1 += leastX }
    if (y1 - y0 < leastY) { y0 -= leastY; y1 += leastY }
    this.frame.goTo(whole({ x0, x1, y0, y1 }))
  }

  #resized() {
    this.hold.run("size", () => {
      this.#fill()
      this.#measure()
      if (!this.view) return
      this.frame.resize(this.view)
      this.#soon("view", "still", "marks")
    })
  }

  // ── Drawing ───

  /**
   * Draws what has changed with the next frame: "colours" ⊃ "ranks" ⊃ "points"; "view" (may stay unsharp while it moves); "still"; "marks"; "legend".
   * While the hand draws, points and legend wait until it lets go: their time is the lasso's, and a legend that grows moves the map.
   */
  #soon(...what) {
    for (const part of what) this.dirty[part] = true
    this.nextFrame ??= requestAnimationFrame(() => {
      this.nextFrame = null
      if (!this.gone.signal.aborted) this.#draw()
    })
  }

  #now() {
    cancelAnimationFrame(this.nextFrame)
    this.nextFrame = null
    this.#draw()
  }

  #draw() {
    const { dirty, clips, view } = this
    if (!clips || !view) return
    if (this.hold.drawing) {
      this.dirty = Object.fromEntries(WAITING.map(part => [part, dirty[part]]))
      for (const part of WAITING) dirty[part] = false
    } else {
      this.dirty = {}
    }
    if (dirty.legend) this.#showCounts()
    if (dirty.colours) {
      fillColours(this.colours, this.facet, this.theme)
      this.strengths = strengthsOf(this.facet)
    }
    if (dirty.colours || dirty.ranks) fillRanks(this.ranks, clips, this.facet)
    if (dirty.colours || dirty.ranks || dirty.points || dirty.sharp) this.#paint()
    else if (dirty.view) {
      clearTimeout(this.later)
      if (this.painter.took < 30) this.#paint()
      else {
        this.painter.show(view, this.theme)
        this.later = setTimeout(() => this.#soon("sharp"), 90)
      }
    }
    if (dirty.still) drawStill(this.still, this.#over())
    if (dirty.marks) {
      const over = this.#over()
      if (over.corners && !this.hands.brush) this.#countInLasso(over.corners)
      drawMarks(this.marks, over)
    }
  }

  #paint() {
    clearTimeout(this.later)
    this.painter.paint(this.clips, this.view, this.theme, this.colours, this.ranks, this.strengths)
    this.paints = (this.paints ?? 0) + 1
    this.paintedAt = performance.now()
  }

  /** The titles of the axes that are drawn {x, y}. */
  get #titles() {
    const title = key => this.data.axes.find(axis => axis.key === key)?.title ?? this.columns.find(column => `c:${column.key}` === key)?.title ?? key.replace(/^c:(table:)?/, "")
    return { x: title(this.drawnAxes.x), y: title(this.drawnAxes.y) }
  }

  /** The titles of those axes that are numbers of the table {x, y}; null for a dimension. */
  get scales() {
    const { x, y } = this.drawnAxes, titles = this.#titles
    if (!this.clips.placed) return { x: null, y: null }
    return { x: x.startsWith("c:") ? titles.x : null, y: y.startsWith("c:") ? titles.y : null }
  }

  #showNotes() {
    this.note.textContent = notesOf(this.clips, this.data.placeholder, this.#titles).join("\n")
    const { x, y } = this.scales
    this.box.classList.toggle("clip-map-scaled", x !== null || y !== null)
  }

  #showCounts() {
    const { clips, theme, facet } = this
    this.bar.showSubsets([...clips.counts(clips.subset)].filter(([key]) => key >= 0 && key < 4).map(([, count]) => count), clips.subsetShown)
    this.bar.showCount(clips.count, clips.placed)
    this.#showNotes()
    this.bar.showColumns(this.#choices, facet.key)
    const numeric = facet.kind === "numeric"
    this.legend.element.hidden = numeric
    this.ramp.element.hidden = !numeric
    const placed = clips.placed < clips.n ? clips.places() : null
    if (numeric) this.ramp.show(facet, facet.histogram(BINS, placed), theme)
    else {
      if (this.legendOf !== facet.key) this.legend.empty()
      this.legendOf = facet.key
      this.legend.show(legendOf(facet, clips.counts(facet), theme), facet.set)
    }
    const rows = [...clips.facets.values()].filter(({ key, set }) => this.filtered.has(key) || (set && key !== facet.key && key !== "subset"))
    this.filters.show(rows.map(other => ({
      facet: other,
      summary: summaryOf(other),
      items: other !== facet && other.kind === "categorical" ? legendOf(other, clips.counts(other), theme) : null,
      bins: other !== facet && other.kind === "numeric" ? other.histogram(BINS, placed) : null,
    })), theme)
  }

  #over() {
    const { view, theme, clips, outline, ring, focus, hover, hands, montage } = this
    return {
      view, theme, clips, outline, ring, focus, scales: this.scales, pixel: clip => this.pixel(clip), radius: this.painter.radius ?? 3,
      hovered: montage.clip ?? hover.clip, heard: montage.clip !== null || hover.sound.sounding, dabbed: hands.brush?.clips, brush: hands.brushAt, corners: hands.drawing && cornersOf(hands.drawing),
    }
  }

  // ── What hover and hands ask ───

  /** What a drag means: "lasso", "select" (a box), or what Plotly does by itself. */
  get mode() { return this.frame.dragmode }

  /** The pixel of a clip, from the top left corner of the map. */
  pixel(clip) {
    const { places, xs, ys } = this.clips.base
    return this.view.toPixel(xs[places[2 * clip]], ys[places[2 * clip + 1]])
  }

  #steps(px, py) {
    const { x0, x1, y0, y1 } = this.clips.base, { view } = this
    const [x, y] = view.toPlane(px, py)
    const perX = (x1 - x0 || 1) / 65534 * view.width / (view.x1 - view.x0), perY = (y1 - y0 || 1) / 65534 * view.height / (view.y1 - view.y0)
    return [(x - x0) / (x1 - x0 || 1) * 65534, (y - y0) / (y1 - y0 || 1) * 65534, perX, perY]
  }

  /** The `k` nearest shown clips within `radius` pixels. */
  near(px, py, radius, k) {
    if (!this.clips || !this.view) return []
    this.grid ??= new Grid(this.clips.base)
    return this.grid.nearest(...this.#steps(px, py), radius, k, this.clips.shown)
  }

  around(px, py, radius, visit) {
    this.grid ??= new Grid(this.clips.base)
    this.grid.around(...this.#steps(px, py), radius, visit)
  }

  label(clip) {
    const label = this.clips.labels.get(this.clips.codes[clip])
    return label ? { name: label.name, colour: css(legible(label.colour, this.theme)) } : { name: "unlabelled", colour: css(this.theme.grey) }
  }

  subset(clip) { return this.clips.subsets[clip] }

  /** What the colour of a clip means, where that is neither label nor subset. */
  fact(clip) { return this.by === "label" || this.by === "subset" ? "" : `${this.facet.title}: ${this.facet.text(clip)}` }

  clipAddress(clip, what) { return new URL(`${this.data.clips}${clip}/${what}`, this.root).href }

  // ── Selecting ───

  #countInLasso(polygon) {
    const every = Math.ceil(this.clips.n / MOST_COUNTED)
    const count = every * findInPolygon(polygon, this.clips.base, this.clips.shown, this.found, every)
    this.bar.showCaught(count, this.hands.drawing.kind === "select" ? "in the box" : "in the lasso", every > 1)
  }

  #enclose(stroke) {
    const polygon = cornersOf(stroke), { op, kind } = stroke
    if (!this.clips) return
    findInPolygon(polygon, this.clips.base, this.clips.shown, this.found)
    this.clips.choose(op, this.found)
    this.outline = polygon
    this.#chosen(kind === "select" ? "box" : "lasso", { polygon, op })
  }

  #painted(mask, op, label) {
    this.clips.choose(label ? "new" : op, mask)
    this.#chosen("paint", { op })
    if (label && this.clips.count) this.#labelChosen()
  }

  #click(px, py, { op, toggles, twice }) {
    const [clip = null] = this.near(px, py, 12, 1)
    if (clip === null) return void (twice && this.mode !== "pan" && this.clips?.count && this.#clear())
    this.found.fill(0)
    this.found[clip] = 1
    this.clips.choose(toggles && this.clips.selected[clip] ? "minus" : op, this.found)
    this.outline = null
    this.focus = clip
    this.#chosen("click")
    if (this.focus === clip) this.#say({ kind: "focus", position: clip })
    this.hover.hear(clip)
  }

  #clear() {
    if (!this.clips) return
    this.clips.clear()
    this.#chosen("clear")
  }

  /** Tells Python what is selected now, and draws it. */
  #chosen(how, more = {}) {
    const { clips } = this
    if (!clips) return
    clearTimeout(this.telling)
    if (!more.polygon) this.outline = null
    this.#dropFocus(how)
    this.montage.stop()
    this.told = clips.report()
    this.#say({ kind: "selection", ...this.told, n: clips.count, how, ...more })
    this.bar.showCount(clips.count, clips.placed)
    setTimeout(() => this.#soon("ranks", "still", "marks")) // Streamlit sends what it was told in its next task: the server works while we paint
  }

  /** The clip in focus that leaves the selection is in focus no longer; Python does the same. One that was never in it stays under filters. */
  #dropFocus(how) {
    const { clips, focus } = this
    if (Number.isInteger(focus) && !clips.selected[focus] && (how !== "filter" || clips.kept[focus])) this.focus = null
  }

  /** Tells Python what is selected if filters, or another map, have changed that or what may be selected. */
  #tellNews() {
    clearTimeout(this.telling)
    if (!this.clips || !this.told) return
    const news = this.clips.report()
    if (Object.keys(news).some(what => news[what] !== this.told[what])) this.#chosen("filter")
  }

  /** Changes what is shown; Python hears of it a little later, once. */
  #filter(change, event) {
    const { clips } = this
    if (!clips) return
    // the second click of a double-click starts from what was before the first
    if (event?.detail > 1 && this.beforeClick) this.beforeClick()
    else this.beforeClick = clips.standing()
    clips.change(change)
    this.#soon("ranks", "legend", "still", "marks")
    this.hover.leave()
    clearTimeout(this.telling)
    this.telling = setTimeout(() => this.#tellNews(), 320)
  }

  #legendAct(facet, value, act, event) {
    const { clips } = this
    if (!clips || !facet) return
    if (act === "select") {
      const { codes } = facet
      for (let clip = 0; clip < clips.n; clip++) this.found[clip] = codes[clip] === value ? 1 : 0
      clips.choose(this.hands.chosenOp, this.found)
      return this.#chosen("legend")
    }
    this.#filter(() => facet[act](value), event)
  }

  /** What a key means; false if nothing. */
  #key(key) {
    if (key >= "1" && key <= "9") {
      const index = this.data.keys[key - 1] // the label that the bar shows with this key
      const entry = this.clips?.labels.get(index)
      if (!entry) return false
      this.#command("label", { index })
      this.#promise(index, entry)
    } else if (key === "Enter") {
      if (!this.clips?.count) return false
      this.#labelChosen()
    } else if (key === "0") {
      if (!this.clips?.count) return false
      this.#command("clear labels")
    } else if (key === "u") {
      this.#command("undo")
    } else if (key === "z") {
      this.#zoomToSelection()
    } else if (key === "?") {
      this.sheet.hidden = !this.sheet.hidden
    } else if (key === "Escape") {
      if (!this.sheet.hidden) this.sheet.hidden = true
      else if (this.montage.clip !== null) this.montage.stop()
      else if (this.clips?.count) this.#clear()
      else return false
    } else if (key === " ") {
      return this.#playOrStop()
    } else if (key === "ArrowRight" || key === "ArrowDown") {
      return this.#step(1)
    } else if (key === "ArrowLeft" || key === "ArrowUp") {
      return this.#step(-1)
    } else if (key === "i") {
      if (!this.clips) return false
      this.clips.invert()
      this.#chosen("invert")
    } else if (key === "g" || key === "m") {
      if (!this.clips?.count) return false
      this.#command(key === "g" ? "grow" : "map only")
    } else if (key === "b") {
      if (!this.data.part) return false
      this.#command("map back")
    } else {
      return false
    }
    return true
  }

  /** What Space does: stops what plays; else plays the clip in focus, else of the selection, else the one under the mouse. */
  #playOrStop() {
    const { focus, hover, montage } = this, playing = sounding()
    if (montage.clip !== null) montage.stop()
    else if (playing) playing.pause()
    else if (Number.isInteger(focus)) hover.play(focus)
    else if (this.clips?.count) this.#hearIt()
    else if (hover.clip !== null) hover.play(hover.clip)
    else return false
    return true
  }

  /** Starts a montage of the selection, or ends it. */
  #hearIt() {
    if (this.montage.clip !== null) return this.montage.stop()
    if (this.clips?.count) this.montage.start(spread(this.clips))
  }

  #montaged() {
    const { clip, clips, at } = this.montage
    this.bar.showMontage(clip === null ? null : { at, of: clips.length })
    this.#soon("marks")
  }

  /** Goes to the next or previous clip of the selection, in the order of the table, and round: it is in focus, and heard. */
  #step(way) {
    const { clips } = this
    if (!clips?.count) return false
    let clip = Number.isInteger(this.focus) ? this.focus : way > 0 ? -1 : clips.n
    do clip = (clip + way + clips.n) % clips.n
    while (!clips.selected[clip])
    this.focus = clip
    this.#soon("marks")
    this.#say({ kind: "focus", position: clip })
    this.hover.play(clip)
    return true
  }

  #labelChosen() {
    const { offer } = this.data
    this.#command("label chosen")
    if (offer) this.#promise(offer.code, offer)
  }

  #command(kind, more = {}) {
    this.#tellNews() // a key right after a filter means what the filter leaves
    this.#say({ kind, ...more })
    this.feed.expect()
  }

  /** Tells Python. Of selections and focuses that it has not heard yet, only the last counts. */
  #say(act) {
    const newer = before => before.kind === act.kind && ["selection", "focus"].includes(act.kind)
    // how a selection was made must not be lost to the filter that came after it
    this.outbox.say(this.component, act, before => newer(before) && (act.how !== "filter" || before.how === "filter"))
  }

  close() {
    this.gone.abort()
    this.loading?.abort()
    this.feed?.close()
    this.hover.close()
    this.montage.close()
    this.sized.disconnect()
    clearTimeout(this.telling)
    clearTimeout(this.later)
    clearTimeout(this.refreshing)
    clearTimeout(this.askLater)
    clearTimeout(this.missing)
    clearTimeout(this.following)
    this.hold.close()
    cancelAnimationFrame(this.nextFrame)
    this.frame.close()
    this.element.remove()
    if (window.__hoverMap?.of === this) delete window.__hoverMap
  }
}

/** The corners of what the hand draws, on the map: a box is a polygon with four of them. */
function cornersOf({ kind, points }) {
  if (kind !== "select") return points
  const [x0, y0] = points[0], [x1, y1] = points.at(-1)
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
}

/** By what a zoom is remembered: the address of a base without the number of clips on it, which may grow. */
function zoomed(address) {
  const map = new URL(address)
  map.searchParams.delete("clips")
  return map.href
}
