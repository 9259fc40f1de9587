/** The panels around the map: counts, notes, legend and filters. */
import { legendOf } from "./colours.js"
import { make } from "./dom.js"
import { BINS, Filters, Legend, Ramp, summaryOf } from "./legend.js"
import { notesOf } from "./notes.js"

export class Panels {
  #legendKey = null // key of the facet in the legend

  note = make("div.note")

  /**
   * @param parts {box, which holds the note; link; loader {clips}; columns; selection; renderer {theme}; toolbar}
   */
  constructor({ box, link, loader, columns, selection, renderer, toolbar }) {
    Object.assign(this, { box, link, loader, columns, selection, renderer, toolbar })
    const facet = key => loader.clips.facets.get(key)
    this.legend = new Legend((value, act, event) => loader.clips && selection.legendAct(columns.facet, value, act, event))
    this.ramp = new Ramp((low, high) => selection.filter(() => columns.facet.between(low, high)))
    this.filters = new Filters({
      tick: (key, on) => selection.filter(() => { facet(key).on = on }),
      away: key => columns.dropFilter(key),
      entry: (key, value, act, event) => loader.clips && selection.legendAct(facet(key), value, act, event),
      range: (key, low, high) => selection.filter(() => facet(key).between(low, high)),
    })
  }

  /** Shows the notes of the map. */
  showNotes() {
    const { columns } = this, { x, y } = columns.scales
    this.note.textContent = notesOf(this.loader.clips, this.link.data.placeholder, columns.titles).join("\n")
    this.box.classList.toggle("clip-map-scaled", x !== null || y !== null)
  }

  /** Shows all panels again, after labels or filters have changed. */
  show() {
    const { loader: { clips }, columns, toolbar, legend, ramp } = this, { facet } = columns, { theme } = this.renderer
    toolbar.showSubsets([...clips.counts(clips.subset)].filter(([key]) => key >= 0 && key < 4).map(([, count]) => count), clips.subsetShown)
    toolbar.showCount(clips.count, clips.placed)
    this.showNotes()
    toolbar.showColumns(columns.choices, facet.key)
    const numeric = facet.kind === "numeric"
    legend.element.hidden = numeric
    ramp.element.hidden = !numeric
    const places = clips.placed < clips.n ? clips.places() : null
    if (numeric) ramp.show(facet, facet.histogram(BINS, places), theme)
    else {
      if (this.#legendKey !== facet.key) legend.empty()
      this.#legendKey = facet.key
      legend.show(legendOf(facet, clips.counts(facet), theme), facet.set)
    }
    this.filters.show(columns.rows.map(other => ({
      facet: other,
      summary: summaryOf(other),
      items: other !== facet && other.kind === "categorical" ? legendOf(other, clips.counts(other), theme) : null,
      bins: other !== facet && other.kind === "numeric" ? other.histogram(BINS, places) : null,
    })), theme)
  }
}
