/** The legend of the colours, and the filters: entries show, hide, isolate or select; a ramp filters by a range. All texts are set by textContent, because names come from outside. */
import { isDark, rampColour } from "./colours.js"
import { make } from "./dom.js"
import { brief } from "./facets.js"
import { css } from "./paint.js"

const MOST_ENTRIES = 60
const MOST_EVER = 3000
const STEPS = 1000
export const BINS = 96

/** Entries with counts, and a button that shows all while some are hidden. `act(key, "toggle" | "isolate" | "select" | "free", event)`. */
export class Legend {
  constructor(act) {
    this.entries = new Map()
    this.all = false
    this.search = ""
    this.more = make("button.more", { type: "button", click: () => { this.all = !this.all; this.show(this.items) } })
    this.everything = make("button.more", { type: "button", title: "Show the hidden values", click: event => act(null, "free", event) }, "show all")
    this.find = make("input.find", { type: "search", placeholder: "find …", "aria-label": "Find in the legend", input: () => { this.search = this.find.value.trim().toLowerCase(); this.show(this.items) } })
    this.element = make("div.legend", {
      role: "group", "aria-label": "Legend",
      click: event => {
        const entry = event.target.closest("button[data-key]")
        if (entry) act(Number(entry.dataset.key), event.shiftKey ? "select" : event.detail > 1 ? "isolate" : "toggle", event)
      },
    })
  }

  /** @param items [{key, name, colour [r, g, b], count, on, hollow}], in their order; @param set whether some are hidden */
  show(items, set = this.set) {
    Object.assign(this, { items, set })
    const matches = this.search ? items.filter(({ name }) => name.toLowerCase().includes(this.search)) : items
    const nodes = matches.slice(0, this.all ? MOST_EVER : MOST_ENTRIES).map(({ key, name, colour, count, on, hollow }) => {
      let entry = this.entries.get(key)
      if (!entry) {
        entry = make("button.entry", { type: "button", "data-key": key }, make("i"), make("span.name"), make("span.number"))
        this.entries.set(key, entry)
      }
      const text = `${name}\n${colour}\n${count}\n${on}`
      if (entry.shownText === text) return entry
      entry.shownText = text
      const [dot, label, number] = entry.children
      dot.style.setProperty("--dot", css(colour))
      dot.classList.toggle("clip-map-hollow", hollow)
      label.textContent = name
      number.textContent = count.toLocaleString("en-US")
      entry.setAttribute("aria-pressed", on)
      entry.title = `${name}: ${count.toLocaleString("en-US")}. Click: hide or show. Double-click: show only this. Shift-click: select all`
      return entry
    })
    if (items.length > MOST_ENTRIES) {
      nodes.unshift(this.find)
      const moreCount = matches.length - MOST_ENTRIES
      this.more.textContent = this.all ? "show fewer" : `and ${moreCount.toLocaleString("en-US")} more`
      if (moreCount > 0) nodes.push(this.more)
    }
    if (set) nodes.push(this.everything)
    const same = nodes.length === this.element.children.length && nodes.every((node, at) => node === this.element.children[at])
    if (same) return
    const writing = document.activeElement === this.find // moving the box in the page would take the focus away
    this.element.replaceChildren(...nodes)
    if (writing) this.find.focus()
  }

  /** Removes the entries, before another facet is shown. */
  empty() {
    this.entries.clear()
    this.search = this.find.value = ""
  }
}

/** A colour ramp under a histogram, with two ends to drag. `act(low, high)`. */
export class Ramp {
  constructor(act) {
    this.canvas = make("canvas.histogram", { width: 2 * BINS, height: 40 })
    const end = name => make("input", { type: "range", min: 0, max: STEPS, "aria-label": name, input: () => this.#drag(act) })
    this.low = end("Smallest value shown")
    this.high = end("Largest value shown")
    this.words = make("span.range")
    this.scale = make("div.scale", {}, this.canvas, this.low, this.high)
    this.element = make("div.ramp", {}, this.scale, this.words)
  }

  show(facet, bins, theme) {
    this.facet = facet
    const hasValues = facet.values.some(value => value === value)
    this.scale.hidden = !hasValues
    if (!hasValues) return void (this.words.textContent = `No clip has a value for “${facet.title}” yet.`)
    const span = facet.max - facet.min || 1
    const place = value => Math.round(Math.min(1, Math.max(0, (value - facet.min) / span)) * STEPS)
    if (document.activeElement !== this.low) this.low.value = place(facet.low)
    if (document.activeElement !== this.high) this.high.value = place(facet.high)
    this.#say()
    const { width, height } = this.canvas, pen = this.canvas.getContext("2d")
    pen.clearRect(0, 0, width, height)
    const most = Math.log1p(Math.max(1, ...bins)) // so that one frequent value does not flatten the rest
    bins.forEach((count, bin) => {
      pen.fillStyle = css(rampColour((bin + 0.5) / BINS, isDark(theme)))
      const tall = Math.log1p(count) / most * (height - 8)
      pen.fillRect(2 * bin, height - 6 - tall, 2, tall + 6)
    })
  }

  #drag(act) {
    const { facet } = this
    const low = Math.min(this.low.value, this.high.value), high = Math.max(this.low.value, this.high.value)
    const value = place => place <= 0 ? -Infinity : place >= STEPS ? Infinity : facet.min + place / STEPS * (facet.max - facet.min)
    act(value(low), value(high))
    this.#say()
  }

  #say() {
    const { facet } = this
    this.words.textContent = `${brief(Math.max(facet.low, facet.min))} – ${brief(Math.min(facet.high, facet.max))}`
  }
}

/** The filters, one row each: a checkbox, what the filter shows, and a button that removes it. `acts` = {tick(key, on), away(key), entry(key, value, act, event), range(key, low, high)}. */
export class Filters {
  constructor(acts) {
    this.acts = acts
    this.rows = new Map()
    this.element = make("div.filters", { hidden: "" })
  }

  /** @param list [{facet, summary, items or bins, or neither if the legend below shows the same}] */
  show(list, theme) {
    const rows = list.map(({ facet, summary, items, bins }) => {
      const kind = bins ? "ramp" : "legend"
      let row = this.rows.get(facet.key)
      if (row?.kind !== kind) this.rows.set(facet.key, row = this.#row(facet.key, facet.title, kind))
      row.tick.checked = facet.on
      row.summary.textContent = summary
      row.body.element.hidden = !items && !bins
      if (items) row.body.show(items, facet.set)
      if (bins) row.body.show(facet, bins, theme)
      return row.element
    })
    for (const key of this.rows.keys()) if (!list.some(({ facet }) => facet.key === key)) this.rows.delete(key)
    const same = rows.length === this.element.children.length && rows.every((row, at) => row === this.element.children[at])
    if (!same) this.element.replaceChildren(...rows)
    this.element.hidden = !rows.length
  }

  #row(key, title, kind) {
    const tick = make("input", { type: "checkbox", change: () => this.acts.tick(key, tick.checked) })
    const summary = make("small")
    const body = kind === "ramp" ? new Ramp((low, high) => this.acts.range(key, low, high)) : new Legend((value, act, event) => this.acts.entry(key, value, act, event))
    const away = make("button.away", { type: "button", title: `Remove the filter by ${title}`, "aria-label": `Remove the filter by ${title}`, click: () => this.acts.away(key) }, "×")
    const element = make("div.filter", { role: "group", "aria-label": `Filter by ${title}` }, make("label", { title: "Without the tick, the filter is off: everything is shown, and the selection is as before" }, tick, make("b", {}, title), summary), body.element, away)
    return { kind, tick, summary, body, element }
  }
}

/** What a filter shows, in a few words. */
export function summaryOf(facet) {
  if (facet.kind === "numeric") return facet.values.some(value => value === value) ? "" : "no values yet"
  if (!facet.set) return "all"
  if (facet.only !== null) return `only ${facet.only === facet.none ? facet.nothing : facet.entries.get(facet.only)?.name ?? "…"}`
  return `${facet.hidden.size.toLocaleString("en-US")} hidden`
}
