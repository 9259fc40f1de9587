/**
 * The lasso map. Plotly draws axes, mode bar, zoom, lasso and box; a canvas of ours beneath it draws the points; our script tests the polygon.
 * It is mounted by the few lines of inline.js with every run of the page and keeps itself between runs: a run brings news, never a new map.
 *
 * Up to Python go three triggers: "selection" (JSON {set, n, how, polygon}), "focus" ({position, nonce}) and "command" (JSON {kind, …}).
 * Looking, hearing, zooming and other people's labels send nothing and run no script.
 *
 * Test seam: window.__hoverMap = {state(), pixel(position), colour(position)} of the map mounted last. See the end of this file.
 */
import { decodeBase, decodeSet, encodeSet, siteRoot } from "./codec.js"
import { Clips, SUBSETS, UNLABELLED } from "./clips.js"
import { Bar, helpSheet, Legend, make } from "./controls.js"
import { Feed } from "./feed.js"
import { findInPolygon, Grid } from "./geometry.js"
import { Hover } from "./hover.js"
import { colourOf, css, legible, mix, pack, Painter, View } from "./paint.js"

const CLICK_PX = 8 // Plotly's own bound between a click and a drag
const BRUSH_PX = 14
const SUBSET_COLOURS = ["#8a8f98", "#0072b2", "#e69f00", "#cc79a7"]
const MOST_COLOURS_IN_STATE = 20000

const maps = new WeakMap() // by parentElement
const seen = new Map() // by address of the base: the zoom to come back to

/** Mounts or updates the map in component.parentElement. Answers a function that takes it away, unless a later call has taken over. */
export function mount(component) {
  const place = component.parentElement
  if (!maps.has(place)) {
    // A server that came back with newer files brings a second copy of this module into the same page: its map gives way.
    for (const older of place.querySelectorAll(":scope > .clip-map")) older.clipMap.close()
    maps.set(place, new ClipMap(place))
  }
  const map = maps.get(place)
  const turn = map.update(component)
  return () => {
    if (turn !== map.turn) return
    maps.delete(place)
    map.close()
  }
}

let plotly = null

/** Plotly's bundle, loaded once for the page. */
function loadPlotly(address) {
  plotly ??= window.Plotly ? Promise.resolve(window.Plotly) : new Promise((done, failed) => {
    const script = document.createElement("script")
    script.src = address
    script.onload = () => done(window.Plotly)
    script.onerror = () => {
      plotly = null
      script.remove()
      failed(new Error("Plotly's script could not be loaded"))
    }
    document.head.append(script)
  })
  return plotly
}

function loadStyle(address) {
  const known = [...document.querySelectorAll("link[data-clip-map]")].find(link => link.href === address)
  if (known) return known.loaded
  const link = make("link", { rel: "stylesheet", href: address, "data-clip-map": "" })
  link.loaded = new Promise(done => { link.onload = link.onerror = done })
  document.head.append(link)
  return link.loaded
}

class ClipMap {
  constructor(place) {
    this.turn = 0
    this.gone = new AbortController()
    this.op = "new"
    this.held = new Set()
    this.dragmode = "lasso"
    this.dirty = {}
    this.hover = new Hover(this, () => { this.#soon("marks"); this.bar?.showSound(this.hover.sound.on, this.hover.sound.volume) })
    this.bar = new Bar({
      op: op => this.#setOp(op),
      invert: () => { this.clips?.invert(); this.#chosen("invert") },
      clear: () => this.#clear(),
      zoom: () => this.#zoomToSelection(),
      subset: (subset, event) => this.#filter(() => event.detail > 1 ? this.clips.isolateSubset(subset) : this.clips.toggleSubset(subset), event),
      colourBy: by => { this.colourBy = by; this.#soon("colours", "legend") },
      sound: (on, volume) => this.hover.sound.set(on, volume),
      help: () => { this.sheet.hidden = !this.sheet.hidden },
    })
    this.legend = new Legend((key, act) => this.#legendAct(key, act))
    this.sheet = helpSheet(() => { this.sheet.hidden = true })
    this.points = make("canvas")
    this.still = make("canvas")
    this.marks = make("canvas")
    this.gd = make("div.plotly")
    this.note = make("div.note")
    this.problem = make("div.problem", { role: "alert", hidden: "" })
    this.box = make("div.plot", { tabindex: 0, "aria-label": "Map of the clips" }, this.points, this.still, this.marks, this.gd, this.note, this.hover.tip, this.problem, this.sheet)
    this.element = make("div.", {}, this.bar.element, this.box, this.legend.element, this.hover.sound.element)
    this.element.className = "clip-map"
    this.element.clipMap = this
    this.painter = new Painter(this.points)
    this.bar.showOp(this.op)
    this.bar.showSound(this.hover.sound.on, this.hover.sound.volume)
    this.bar.showLive(null, [])
    this.#listen()
    place.append(this.element)
  }

  // ── What Python says ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  update(component) {
    const { data } = component, before = this.data
    this.component = component
    this.data = data
    const root = siteRoot()
    this.root = root
    this.styled = loadStyle(new URL(`${data.assets}map.css`, root).href)
    this.element.style.setProperty("--clip-map-height", data.height ? `${data.height}px` : "auto")
    this.#fill()
    this.#readTheme()
    if (data.colour_by !== before?.colour_by) {
      this.colourBy = data.colour_by === "subset" ? "subset" : "label"
      this.bar.colour.value = this.colourBy
      this.#soon("colours", "legend")
    }
    if (data.focus !== before?.focus) this.focus = data.focus
    if (data.journal !== before?.journal) {
      this.clips = null
      this.feed?.close()
      this.early = []
      this.hover.forget()
      const address = new URL(data.journal, root)
      address.searchParams.set("embedding", data.map.split("/").pop())
      this.feed = new Feed(address.href, journal => this.#take(journal), state => this.bar.showLive(state, this.clips?.people ?? []))
    } else {
      this.feed.hear(data.revision ?? -1)
    }
    if (data.map !== before?.map || data.journal !== before?.journal) this.#load()
    else this.#obey()
    window.__hoverMap = { of: this, state: () => this.#state(), pixel: clip => this.#onScreen(clip), colour: clip => this.#colourNow(clip) }
    return ++this.turn
  }

  async #load() {
    this.loading?.abort()
    const { signal } = this.loading = new AbortController()
    const { map, plotly } = this.data
    this.problem.hidden = true
    this.element.classList.add("clip-map-loading")
    try {
      const bundle = loadPlotly(new URL(plotly, this.root).href)
      bundle.catch(() => {}) // awaited below; a base that fails first must not leave this one unhandled
      const answer = await fetch(new URL(map, this.root), { signal })
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
      const base = decodeBase(await answer.arrayBuffer())
      await this.styled
      if (signal.aborted || this.gone.signal.aborted) return
      this.clips = new Clips(base, this.clips ?? undefined)
      this.found = new Uint8Array(base.n)
      this.grid = null
      this.outline = null
      this.shownMap = map
      this.range = seen.get(map) ?? home(base)
      this.#measure()
      for (const journal of this.early.splice(0)) this.clips.apply(journal)
      this.#obey()
      this.#soon("colours", "legend", "still", "marks")
      await this.#plot(await bundle, base)
      this.element.classList.remove("clip-map-loading")
    } catch (error) {
      if (signal.aborted || this.gone.signal.aborted) return
      this.problem.replaceChildren(
        make("span", {}, `The map could not be loaded: ${error.message}. `),
        make("button", { type: "button", click: () => this.#load() }, "Try again"))
      this.problem.hidden = false
    }
  }

  /** What a run asks for that holds for the clips that are loaded. */
  #obey() {
    const { data, clips } = this
    if (!clips) return
    if (data.select && data.select.id !== this.obeyed) {
      this.obeyed = data.select.id
      clips.impose(data.select.set)
      this.told = data.select.set
      this.outline = null
      this.#soon("ranks", "still")
      this.bar.showCount(clips.count, clips.n)
    }
    const ring = data.ring?.set ?? null
    if (ring !== this.ringSet) {
      this.ringSet = ring
      this.ring = ring && decodeSet(ring, clips.n)
      this.#soon("still")
    }
    const notes = [data.placeholder, clips.base.missing ? `${clips.base.missing} ${clips.base.missing === 1 ? "clip has" : "clips have"} no place on this map yet` : "", clips.n ? "" : "No clips yet"]
    this.note.textContent = notes.filter(Boolean).join("\n")
    this.#soon("marks")
  }

  #take(journal) {
    if (!this.clips) return void this.early.push(journal)
    const fresh = this.clips.apply(journal)
    if (journal.n > this.clips.n && this.grown !== journal.n) {
      // clips were added: the same address now has a longer base, and this journal named clips that we do not know yet
      this.grown = journal.n
      this.#load().then(() => this.feed.again(-1))
    }
    this.bar.showLive("live", this.clips.people)
    if (fresh) this.#soon("colours", "legend")
  }

  // ── Theme, size, view ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #readTheme() {
    const style = getComputedStyle(this.element)
    const value = name => style.getPropertyValue(name).trim()
    const ground = colourOf(value("--st-background-color"), "#ffffff"), ink = colourOf(value("--st-text-color"), "#31333f")
    const accent = css(colourOf(value("--st-primary-color"), "#ff4b4b"))
    const key = String([ground, ink, accent])
    if (key === this.theme?.key) return
    this.theme = { key, ground, ink, accent, grey: mix(ground, ink, 0.48) }
    this.#soon("colours", "legend", "still", "marks")
    if (this.ready) this.Plotly.relayout(this.gd, this.#look())
  }

  #look() {
    const ink = this.theme.ink.join(",")
    return {
      "modebar.color": `rgba(${ink},0.55)`, "modebar.activecolor": this.theme.accent, "modebar.bgcolor": "rgba(0,0,0,0)",
      "newselection.line.color": this.theme.accent,
    }
  }

  /** Without a height the map ends where the window ends. */
  #fill() {
    if (this.data?.height) return
    const top = this.element.getBoundingClientRect().top + (this.element.closest("section")?.scrollTop ?? scrollY)
    this.element.style.setProperty("--clip-map-height", `${Math.max(420, Math.floor(innerHeight - Math.min(top, innerHeight / 2) - 16))}px`)
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.box
    if (!this.range || !width || !height) return
    this.view = new View(this.range.x, this.range.y, width, height)
  }

  async #plot(Plotly, base) {
    const { width, height } = this.view ?? { width: 600, height: 400 }
    const axis = range => ({ range: [...range], visible: false, showgrid: false, zeroline: false, autorange: false })
    // Plotly reports polygons only where a trace can be selected: one invisible point is enough
    const bait = { type: "scatter", mode: "markers", x: [(base.x0 + base.x1) / 2], y: [(base.y0 + base.y1) / 2], marker: { opacity: 0, size: 1 }, hoverinfo: "skip", showlegend: false }
    const layout = {
      width, height, margin: { l: 0, r: 0, t: 0, b: 0, pad: 0 }, xaxis: axis(this.range.x), yaxis: axis(this.range.y), dragmode: this.dragmode,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: false, selectdirection: "d",
      newselection: { line: { width: 1.5, dash: "solid" } },
    }
    const config = {
      scrollZoom: true, displaylogo: false, displayModeBar: true, doubleClick: false, responsive: false, showTips: false,
      showAxisDragHandles: false, showAxisRangeEntryBoxes: false,
      // Plotly's own reset goes to where the drawing began, which after a visit to another page is a zoom
      modeBarButtons: [["lasso2d", "select2d", "pan2d"], ["zoomIn2d", "zoomOut2d", { name: "reset", title: "Whole map", icon: Plotly.Icons.home, click: () => this.#goTo(home(this.clips.base)) }]],
    }
    for (const [path, value] of Object.entries(this.#look())) set(layout, path.split("."), value)
    await Plotly.react(this.gd, [bait], layout, config)
    if (this.gone.signal.aborted) return void Plotly.purge(this.gd)
    this.Plotly = Plotly
    if (!this.ready) {
      this.ready = true
      this.gd.on("plotly_relayouting", () => this.#moved())
      this.gd.on("plotly_relayout", change => {
        if (change.dragmode) this.dragmode = change.dragmode
        this.#moved()
      })
      this.gd.on("plotly_selecting", event => this.#lassoing(event))
      this.gd.on("plotly_selected", event => this.#lassoed(event))
      this.gd.on("plotly_doubleclick", () => this.dragmode === "pan" && this.#goTo(home(this.clips.base)))
      this.gd.on("plotly_deselect", () => this.lastHit === null && this.clips?.count && this.#clear())
    }
    this.#moved()
  }

  #moved() {
    const layout = this.gd._fullLayout
    if (!layout?.xaxis || !this.clips) return
    this.range = { x: [...layout.xaxis.range], y: [...layout.yaxis.range] }
    seen.set(this.shownMap, this.range)
    this.hover.leave()
    this.#measure()
    if (this.view?.same(this.painter.painted)) return
    this.#soon("view", "still", "marks")
  }

  #goTo({ x, y }) {
    if (this.ready) this.Plotly.relayout(this.gd, { "xaxis.range": x, "yaxis.range": y })
  }

  #zoomToSelection() {
    const { clips } = this
    if (!clips?.count) return
    const { places, xs, ys } = clips.base
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity
    for (let clip = 0; clip < clips.n; clip++) {
      if (!clips.selected[clip] || !clips.shown[clip]) continue
      const x = xs[places[2 * clip]], y = ys[places[2 * clip + 1]]
      if (x < x0) x0 = x
      if (x > x1) x1 = x
      if (y < y0) y0 = y
      if (y > y1) y1 = y
    }
    if (x0 > x1) return
    // one clip alone has no size: show a twentieth of the map around it
    const leastX = (clips.base.x1 - clips.base.x0) / 40, leastY = (clips.base.y1 - clips.base.y0) / 40
    if (x1 - x0 < leastX) { x0 -= leastX; x1 += leastX }
    if (y1 - y0 < leastY) { y0 -= leastY; y1 += leastY }
    this.#goTo(home({ x0, x1, y0, y1 }))
  }

  #resized() {
    this.#fill()
    this.#measure()
    if (!this.view) return
    if (this.ready) this.Plotly.relayout(this.gd, { width: this.view.width, height: this.view.height })
    this.#soon("view", "still", "marks")
  }

  // ── Drawing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Draws what has changed with the next frame: "colours" ⊃ "ranks" ⊃ "points"; "view" (may wait while it moves); "still"; "marks"; "legend". */
  #soon(...what) {
    for (const part of what) this.dirty[part] = true
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      if (!this.gone.signal.aborted) this.#draw()
    })
  }

  #draw() {
    const { dirty, clips, view } = this
    if (!clips || !view) return
    this.dirty = {}
    if (dirty.legend) this.#showCounts()
    if (dirty.colours) this.#colour()
    if (dirty.colours || dirty.ranks) this.#rank()
    if (dirty.colours || dirty.ranks || dirty.points) this.#paint()
    else if (dirty.view) {
      clearTimeout(this.later)
      if (this.painter.took < 30) this.#paint()
      else {
        this.painter.show(view, this.theme)
        this.later = setTimeout(() => this.#soon("points"), 90)
      }
    }
    if (dirty.still) this.#drawStill()
    if (dirty.marks) this.#drawMarks()
  }

  #paint() {
    clearTimeout(this.later)
    this.painter.paint(this.clips, this.view, this.theme, this.colours, this.ranks)
    this.paints = (this.paints ?? 0) + 1
    this.paintedAt = performance.now()
  }

  #colour() {
    const { clips, theme } = this
    if (this.colours?.length !== clips.n) this.colours = new Uint32Array(clips.n)
    const { colours } = this
    const grey = pack(theme.grey)
    if (this.colourBy === "subset") {
      const four = SUBSET_COLOURS.map((colour, subset) => subset ? pack(legible(colour, theme)) : grey)
      for (let clip = 0; clip < clips.n; clip++) colours[clip] = four[clips.subsets[clip]] ?? grey
    } else {
      const known = new Map([...clips.labels].map(([code, { colour }]) => [code, pack(legible(colour, theme))]))
      let code = UNLABELLED, colour = grey
      for (let clip = 0; clip < clips.n; clip++) {
        // neighbours in the table often carry one label: ask the map only when it changes
        if (clips.codes[clip] !== code) colour = known.get(code = clips.codes[clip]) ?? grey
        colours[clip] = colour
      }
    }
  }

  #rank() {
    const { clips } = this
    if (this.ranks?.length !== clips.n) this.ranks = new Uint8Array(clips.n)
    const { ranks } = this
    const { shown, selected, codes, subsets } = clips
    const bySubset = this.colourBy === "subset"
    for (let clip = 0; clip < clips.n; clip++) {
      ranks[clip] = shown[clip] && (1 + (bySubset ? subsets[clip] > 0 : codes[clip] !== UNLABELLED) + 2 * selected[clip])
    }
  }

  #showCounts() {
    const { clips, theme } = this
    const { labels, subsets } = clips.counts()
    this.bar.showSubsets(subsets, clips.subsetShown)
    this.bar.showCount(clips.count, clips.n)
    if (this.colourBy === "subset") {
      this.legend.show(SUBSETS.map((name, subset) => ({
        key: subset, name, count: subsets[subset], on: clips.subsetShown[subset], colour: subset ? legible(SUBSET_COLOURS[subset], theme) : theme.grey,
      })))
      return
    }
    const items = [...clips.labels].map(([code, { name, colour }]) => ({ key: code, name, count: labels.get(code), on: clips.labelShown(code), colour: legible(colour, theme) }))
    items.sort((a, b) => b.count - a.count || a.key - b.key)
    items.push({ key: UNLABELLED, name: "unlabelled", count: labels.get(UNLABELLED), on: clips.labelShown(UNLABELLED), colour: theme.grey })
    if (items.length > 60) items.unshift(items.pop()) // among thousands the unlabelled stay in sight
    this.legend.show(items)
  }

  #layer(canvas) {
    const ratio = Math.min(devicePixelRatio || 1, 2)
    const width = Math.round(this.view.width * ratio), height = Math.round(this.view.height * ratio)
    if (canvas.width !== width) canvas.width = width
    if (canvas.height !== height) canvas.height = height
    const context = canvas.getContext("2d")
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, this.view.width, this.view.height)
    return context
  }

  /** Rings and the faint outline of the last lasso: they change seldom. */
  #drawStill() {
    const context = this.#layer(this.still)
    if (this.outline) {
      context.beginPath()
      for (const [x, y] of this.outline) context.lineTo(...this.view.toPixel(x, y))
      context.closePath()
      context.strokeStyle = css(this.theme.ink)
      context.globalAlpha = 0.3
      context.setLineDash([3, 4])
      context.stroke()
      context.setLineDash([])
    }
    if (this.ring) {
      context.globalAlpha = 0.75
      context.strokeStyle = this.theme.accent
      context.beginPath()
      const radius = (this.painter.radius ?? 3) + 2.5
      for (let clip = 0; clip < this.clips.n; clip++) {
        if (!this.ring[clip] || !this.clips.shown[clip]) continue
        const [px, py] = this.pixel(clip)
        context.moveTo(px + radius, py)
        context.arc(px, py, radius, 0, 7)
      }
      context.stroke()
    }
    context.globalAlpha = 1
  }

  /** Focus, point under the mouse, brush: they change with every move. */
  #drawMarks() {
    const { clips, hover, focus } = this
    if (!clips || !this.view) return
    const context = this.#layer(this.marks)
    const radius = (this.painter.radius ?? 3) + 3
    const ink = css(this.theme.ink)
    if (this.brush) {
      context.fillStyle = this.theme.accent
      for (const clip of this.brush.clips) {
        const [px, py] = this.pixel(clip)
        context.fillRect(px - 1.5, py - 1.5, 3, 3)
      }
    }
    if (this.held.has("p") && this.mouse) {
      context.strokeStyle = this.theme.accent
      context.beginPath()
      context.arc(...this.mouse, BRUSH_PX, 0, 7)
      context.stroke()
    }
    if (Number.isInteger(focus) && focus >= 0 && focus < clips.n && clips.shown[focus]) {
      const [px, py] = this.pixel(focus)
      context.strokeStyle = ink
      context.lineWidth = 2
      context.beginPath()
      context.arc(px, py, radius + 1, 0, 7)
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(px + dx * (radius + 1), py + dy * (radius + 1))
        context.lineTo(px + dx * (radius + 6), py + dy * (radius + 6))
      }
      context.stroke()
    }
    if (hover.clip !== null) {
      context.strokeStyle = hover.sound.sounding ? this.theme.accent : ink
      context.lineWidth = hover.sound.sounding ? 2.5 : 1.5
      context.beginPath()
      context.arc(...this.pixel(hover.clip), radius, 0, 7)
      context.stroke()
    }
  }

  // ── What Hover asks ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

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

  near(px, py, radius, k) {
    if (!this.clips || !this.view) return []
    this.grid ??= new Grid(this.clips.base)
    return this.grid.nearest(...this.#steps(px, py), radius, k, this.clips.shown)
  }

  label(clip) {
    const label = this.clips.labels.get(this.clips.codes[clip])
    return label ? { name: label.name, colour: css(legible(label.colour, this.theme)) } : { name: "unlabelled", colour: css(this.theme.grey) }
  }

  subset(clip) { return this.clips.subsets[clip] }

  clipAddress(clip, what) { return new URL(`${this.data.clips}${clip}/${what}`, this.root).href }

  // ── Selecting ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #currentOp(event) {
    if (event.shiftKey && event.altKey) return "and"
    if (event.shiftKey) return "add"
    if (event.altKey) return "minus"
    return this.op
  }

  #setOp(op) {
    this.op = op
    this.bar.showOp(op)
  }

  #lassoing(event) {
    const polygon = polygonOf(event)
    if (polygon && this.stroke) this.bar.showCount(findInPolygon(polygon, this.clips.base, this.clips.shown, this.found), 0, true)
  }

  /**
   * Plotly tells of a finished lasso or box up to 0.1 s after the hand has let go (it throttles by a constant). What it draws is complete at once,
   * so that is read first; its own report then finds nothing left to do, or does it where the drawing could not be read.
   */
  #lassoed(event) {
    const polygon = polygonOf(event)
    if (!polygon) return
    // Plotly also reports when it redraws what is selected already: only a stroke of the hand counts
    if (this.stroke) this.#enclose(polygon)
    // Plotly keeps its outline as a shape that can be dragged, which selects nothing here
    setTimeout(() => this.gone.signal.aborted || this.Plotly.relayout(this.gd, { selections: [] }))
  }

  #drawnPolygon() {
    const paths = this.gd.querySelectorAll(".zoomlayer path.select-outline")
    const path = paths[0]?.getAttribute("d") ?? ""
    const { xaxis, yaxis } = this.gd._fullLayout
    if (paths.length !== 1 || path.lastIndexOf("M") > 0 || !/^[MLZ\d.,\s-]+$/.test(path) || xaxis._offset || yaxis._offset) return null
    const numbers = path.match(/-?[\d.]+/g).map(Number)
    if (numbers.length < 6 || numbers.length % 2 || numbers.some(Number.isNaN)) return null
    return numbers.flatMap((px, at) => at % 2 ? [] : [this.view.toPlane(px, numbers[at + 1])])
  }

  #enclose(polygon) {
    const { op } = this.stroke
    this.stroke = null
    if (!this.clips) return
    findInPolygon(polygon, this.clips.base, this.clips.shown, this.found)
    this.clips.choose(op, this.found)
    this.outline = polygon
    this.#chosen(this.dragmode === "select" ? "box" : "lasso", { polygon, op })
  }

  #click(px, py, event) {
    const [clip = null] = this.near(px, py, 12, 1)
    this.lastHit = clip
    if (clip === null) return
    const op = event.shiftKey ? this.clips.selected[clip] ? "minus" : "add" : event.altKey ? "minus" : "new"
    this.found.fill(0)
    this.found[clip] = 1
    this.clips.choose(op, this.found)
    this.outline = null
    this.focus = clip
    this.#chosen("click")
    this.component.setTriggerValue("focus", { position: clip, nonce: nonce() })
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
    this.told = encodeSet(clips.selected)
    this.component.setTriggerValue("selection", JSON.stringify({ set: this.told, n: clips.count, how, ...more }))
    this.bar.showCount(clips.count, clips.n)
    this.#soon("ranks", "still", "marks")
  }

  /** Changes what is shown; Python hears of it a little later, once, and only when that changes the selection. */
  #filter(change, event) {
    const { clips } = this
    if (!clips) return
    // the second click of a double-click starts from what was before the first
    if (event?.detail > 1 && this.beforeClick) [clips.only, clips.hidden, clips.subsetShown] = this.beforeClick
    else this.beforeClick = [clips.only, new Set(clips.hidden), [...clips.subsetShown]]
    change()
    this.#soon("ranks", "legend", "still", "marks")
    this.hover.leave()
    clearTimeout(this.telling)
    this.telling = setTimeout(() => encodeSet(clips.selected) !== this.told && this.#chosen("filter"), 320)
  }

  #legendAct(key, act) {
    const { clips } = this
    if (!clips) return
    if (act === "select") {
      const values = this.colourBy === "subset" ? clips.subsets : clips.codes
      for (let clip = 0; clip < clips.n; clip++) this.found[clip] = values[clip] === key ? 1 : 0
      clips.choose(this.op, this.found)
      return this.#chosen("legend")
    }
    const what = this.colourBy === "subset" ? "Subset" : "Label"
    this.#filter(() => clips[act + what](key), { detail: act === "isolate" ? 2 : 1 })
  }

  #command(kind, more = {}) {
    this.component.setTriggerValue("command", JSON.stringify({ kind, ...more, nonce: nonce() }))
  }

  // ── Hands ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #listen() {
    const { signal } = this.gone
    const on = (target, name, act, capture = false) => target.addEventListener(name, act, { signal, capture })
    on(this.box, "pointerdown", event => this.#down(event), true)
    on(document, "pointermove", event => this.#move(event), true)
    on(document, "pointerup", event => this.#up(event), true)
    on(document, "pointercancel", () => { this.start = this.stroke = this.brush = null }, true)
    on(this.box, "blur", () => this.box.classList.remove("clip-map-by-hand"))
    on(this.box, "pointerleave", () => { this.mouse = null; this.hover.leave() })
    // Plotly starts its drags from these: not while the brush is out
    for (const name of ["mousedown", "touchstart"]) on(this.box, name, event => { if (this.brush) { event.stopImmediatePropagation(); event.preventDefault() } }, true)
    on(document, "keydown", event => this.#key(event))
    on(document, "keyup", event => this.#release(event))
    on(window, "blur", () => this.#letGo())
    on(document, "visibilitychange", () => document.hidden && this.hover.leave())
    this.sized = new ResizeObserver(() => this.#resized())
    this.sized.observe(this.box)
    on(window, "resize", () => this.#resized())
  }

  #inBox(event) {
    const { left, top } = this.box.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  #down(event) {
    if (event.button !== 0 || !event.isPrimary || event.target.closest(".modebar, .clip-map-sheet, .clip-map-problem")) return
    this.box.classList.add("clip-map-by-hand") // no focus ring for a mouse
    this.box.focus({ preventScroll: true })
    const [px, py] = this.#inBox(event)
    this.start = [px, py]
    this.strayed = false // a lasso that ends where it began is a lasso, not a click
    this.stroke = { op: this.#currentOp(event) }
    if (this.held.has("p") && this.clips) {
      this.brush = { mask: new Uint8Array(this.clips.n), clips: [], at: [px, py], op: this.stroke.op }
      this.stroke = null
      this.hover.leave()
      this.#dab(px, py)
    }
  }

  #move(event) {
    const [px, py] = this.#inBox(event)
    if (this.brush) {
      const [x, y] = this.brush.at
      const steps = Math.ceil(Math.hypot(px - x, py - y) / (BRUSH_PX / 2))
      for (let step = 1; step <= steps; step++) this.#dab(x + (px - x) * step / steps, y + (py - y) * step / steps)
      this.mouse = this.brush.at = [px, py]
      return this.#soon("marks")
    }
    if (this.start && Math.hypot(px - this.start[0], py - this.start[1]) >= CLICK_PX) this.strayed = true
    const inside = this.box.contains(event.target) && !event.target.closest(".modebar, .clip-map-sheet, .clip-map-problem")
    this.mouse = inside ? [px, py] : null
    if (this.held.has("p")) this.#soon("marks")
    if (!inside || event.buttons || event.pointerType === "touch" || this.held.has("p")) {
      if (this.start && !this.strayed) return
      return this.hover.leave()
    }
    const way = this.hover.sweeping ? event.getCoalescedEvents?.() ?? [] : []
    for (const passed of way.length ? way : [event]) this.hover.move(...this.#inBox(passed))
  }

  #dab(px, py) {
    this.grid ??= new Grid(this.clips.base)
    const { mask, clips } = this.brush
    this.grid.around(...this.#steps(px, py), BRUSH_PX, clip => {
      if (mask[clip] || !this.clips.shown[clip]) return
      mask[clip] = 1
      clips.push(clip)
    })
    this.bar.showCount(clips.length, 0, true)
  }

  #up(event) {
    if (this.brush) {
      const { mask, op } = this.brush
      this.brush = null
      this.start = null
      this.clips.choose(op, mask)
      return this.#chosen("paint", { op })
    }
    const { start } = this
    this.start = null
    if (!start || !this.clips || !this.view) return
    const [px, py] = this.#inBox(event)
    if (!this.strayed && Math.hypot(px - start[0], py - start[1]) < CLICK_PX) {
      this.stroke = null
      this.#click(px, py, event)
    } else if (this.stroke && this.ready) {
      const polygon = this.#drawnPolygon()
      if (polygon) this.#enclose(polygon)
    }
  }

  #listens(event) {
    const active = document.activeElement
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.isComposing) return false
    if (active && active !== document.body && !this.element.contains(active)) return false
    return !active?.closest?.("input, textarea, select, [contenteditable]")
  }

  #key(event) {
    if (event.key === "Shift" || event.key === "Alt") this.bar.showOp(this.#currentOp(event))
    if (!this.#listens(event)) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (key === "s" || key === "p") {
      if (event.repeat || event.altKey) return
      this.held.add(key)
      this.box.classList.toggle("clip-map-painting", this.held.has("p"))
      if (key === "s") this.hover.sweep(true)
      else { this.hover.leave(); this.#soon("marks") }
    } else if (event.repeat) {
      return
    } else if (key >= "1" && key <= "9" && !event.altKey) {
      const index = Number(key) - 1
      if (index >= (this.data.labels_keys?.length ?? 0)) return
      this.#command("label", { index })
    } else if (key === "u") {
      this.#command("undo")
    } else if (key === "Escape") {
      if (!this.sheet.hidden) this.sheet.hidden = true
      else if (this.clips?.count) this.#clear()
      else return
    } else if (key === " " && document.activeElement?.tagName !== "BUTTON") {
      const clip = this.focus ?? this.hover.clip
      if (!Number.isInteger(clip)) return
      this.hover.toggle(clip)
    } else if (key === "z" && !event.altKey) {
      this.#zoomToSelection()
    } else if (key === "?") {
      this.sheet.hidden = !this.sheet.hidden
    } else {
      return
    }
    event.preventDefault()
  }

  #release(event) {
    if (event.key === "Shift" || event.key === "Alt") this.bar.showOp(event.shiftKey || event.altKey ? this.#currentOp(event) : this.op)
    const key = event.key.toLowerCase()
    if (!this.held.delete(key)) return
    this.box.classList.toggle("clip-map-painting", this.held.has("p"))
    if (key === "s") this.hover.sweep(false)
    this.#soon("marks")
  }

  #letGo() {
    this.held.clear()
    this.box.classList.remove("clip-map-painting")
    this.hover.sweep(false)
    this.hover.leave()
    this.bar.showOp(this.op)
  }

  // ── The test seam ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * What a browser test may ask: n clips; painted, points in the last painting (0 before the first); paints, how many paintings; painted_at and paint_ms, its end
   * (performance.now()) and length; ready, Plotly listens; selected [positions]; zoom [x0, x1, y0, y1]; revision; live, the journal's state;
   * sounds_playing and sounds_started; hover and focus, positions or null; colours [#rrggbb or null by position], up to 20,000 clips.
   */
  #state() {
    const { clips, view, hover } = this
    const selected = []
    clips?.selected.forEach((chosen, clip) => chosen && selected.push(clip))
    return {
      n: clips?.n ?? 0, painted: this.painter.drawn, paints: this.paints ?? 0, painted_at: this.paintedAt ?? null, paint_ms: this.painter.took, ready: Boolean(this.ready), selected,
      zoom: view ? [view.x0, view.x1, view.y0, view.y1] : null, revision: clips?.revision ?? -1, live: this.feed?.state ?? null,
      sounds_playing: hover.sound.sounding ? 1 : 0, sounds_started: hover.sound.started, hover: hover.clip, focus: this.focus ?? null,
      colours: clips && clips.n <= MOST_COLOURS_IN_STATE ? Array.from(clips.codes, (_, clip) => this.#colourNow(clip)) : null,
    }
  }

  /** The label's own colour, also where a dark ground has it drawn lighter; null for an unlabelled clip. */
  #colourNow(clip) {
    return this.clips?.labels.get(this.clips.codes[clip])?.colour ?? null
  }

  #onScreen(clip) {
    if (!this.clips || !this.view) return null
    const [px, py] = this.pixel(clip), { left, top } = this.box.getBoundingClientRect()
    return [left + px, top + py]
  }

  close() {
    this.gone.abort()
    this.loading?.abort()
    this.feed?.close()
    this.hover.close()
    this.sized.disconnect()
    clearTimeout(this.telling)
    clearTimeout(this.later)
    cancelAnimationFrame(this.frame)
    if (this.ready) this.Plotly.purge(this.gd)
    this.element.remove()
    if (window.__hoverMap?.of === this) delete window.__hoverMap
  }
}

function home({ x0, x1, y0, y1 }) {
  const around = (low, high) => {
    const margin = (high - low) * 0.04 || 1
    return [low - margin, high + margin]
  }
  return { x: around(x0, x1), y: around(y0, y1) }
}

/** The polygon of one of Plotly's selection events in data coordinates, or null. A box is a polygon with four corners. */
function polygonOf(event) {
  if (event?.lassoPoints) return event.lassoPoints.x.map((x, at) => [x, event.lassoPoints.y[at]])
  if (!event?.range) return null
  const [x0, x1] = event.range.x, [y0, y1] = event.range.y
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
}

function set(target, path, value) {
  const last = path.pop()
  for (const name of path) target = target[name] ??= {}
  target[last] = value
}

const nonce = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
