/** Plotly's part of the map: axes, mode bar, zoom, and the drawing of lasso and box. No point of ours is in it. */

let bundle = null

/** Plotly's bundle, loaded once for the page; what failed is tried again when asked again. */
export function loadPlotly(address) {
  bundle ??= window.Plotly ? Promise.resolve(window.Plotly) : new Promise((done, failed) => {
    const script = document.createElement("script")
    script.src = address
    script.onload = () => done(window.Plotly)
    script.onerror = () => {
      bundle = null
      script.remove()
      failed(new Error("Plotly's script could not be loaded"))
    }
    document.head.append(script)
  })
  return bundle
}

/** The range that shows all of a rectangle, with a margin. */
export function whole({ x0, x1, y0, y1 }) {
  const around = (low, high) => {
    const margin = (high - low) * 0.04 || 1
    return [low - margin, high + margin]
  }
  return { x: around(x0, x1), y: around(y0, y1) }
}

export class Frame {
  /**
   * @param acts {moved(range), lassoing(polygon), lassoed(polygon), home(), emptied()}
   * @param {Hold} hold whatever changes Plotly's layout waits for the hand
   */
  constructor(element, acts, hold) {
    Object.assign(this, { element, acts, hold, dragmode: "lasso", ready: false })
  }

  /** Shows a range {x, y}; from then on the hands can zoom and select. */
  async show(Plotly, range, { width, height }, theme) {
    const axis = ends => ({ range: [...ends], visible: false, showgrid: false, zeroline: false, autorange: false })
    const look = lookOf(theme)
    const layout = {
      width, height, margin: { l: 0, r: 0, t: 0, b: 0, pad: 0 }, xaxis: axis(range.x), yaxis: axis(range.y), dragmode: this.dragmode,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: false, selectdirection: "d",
      modebar: { color: look["modebar.color"], activecolor: look["modebar.activecolor"], bgcolor: look["modebar.bgcolor"] },
      newselection: { line: { width: 1.5, dash: "solid", color: look["newselection.line.color"] } },
    }
    const config = {
      scrollZoom: true, displaylogo: false, displayModeBar: true, doubleClick: false, responsive: false, showTips: false, showAxisDragHandles: false, showAxisRangeEntryBoxes: false,
      // Plotly's own reset goes to where the drawing began, which after a visit to another page is a zoom
      modeBarButtons: [["lasso2d", "select2d", "pan2d"], ["zoomIn2d", "zoomOut2d", { name: "reset", title: "Whole map", icon: Plotly.Icons.home, click: () => this.acts.home() }]],
    }
    // Plotly reports polygons only where a trace can be selected: one invisible point is enough
    const bait = { type: "scatter", mode: "markers", x: [range.x[0]], y: [range.y[0]], marker: { opacity: 0, size: 1 }, hoverinfo: "skip", showlegend: false }
    await Plotly.react(this.element, [bait], layout, config)
    this.Plotly = Plotly
    if (this.closed) return Plotly.purge(this.element)
    if (!this.ready) this.#listen()
    this.ready = true
    this.#moved()
  }

  #listen() {
    const on = (name, act) => this.element.on(`plotly_${name}`, act)
    on("relayouting", () => this.#moved())
    on("relayout", change => {
      if (change.dragmode) this.dragmode = change.dragmode
      this.#moved()
    })
    on("selecting", event => {
      const polygon = polygonOf(event)
      if (polygon) this.acts.lassoing(polygon)
    })
    on("selected", event => {
      const polygon = polygonOf(event)
      if (!polygon) return
      this.acts.lassoed(polygon)
      // Plotly keeps its outline as a shape that can be dragged, which selects nothing here
      setTimeout(() => this.#relayout("selections", { selections: [] }))
    })
    on("doubleclick", () => this.dragmode === "pan" && this.acts.home())
    on("deselect", () => this.acts.emptied())
  }

  #moved() {
    const { xaxis, yaxis } = this.element._fullLayout ?? {}
    if (xaxis) this.acts.moved({ x: [...xaxis.range], y: [...yaxis.range] })
  }

  goTo({ x, y }) {
    this.#relayout("range", { "xaxis.range": x, "yaxis.range": y })
  }

  resize({ width, height }) {
    this.#relayout("size", { width, height })
  }

  dress(theme) {
    this.#relayout("look", lookOf(theme))
  }

  #relayout(what, change) {
    this.hold.run(what, () => this.ready && !this.closed && this.Plotly.relayout(this.element, change))
  }

  /**
   * The lasso or box as it is drawn at this moment, in pixels, or null if that cannot be read.
   * Plotly tells of a finished one up to 0.1 s after the hand has let go (it throttles by a constant); what it draws is complete at once.
   */
  drawn() {
    if (!this.ready) return null
    const paths = this.element.querySelectorAll(".zoomlayer path.select-outline")
    const path = paths[0]?.getAttribute("d") ?? ""
    const { xaxis, yaxis } = this.element._fullLayout
    if (paths.length !== 1 || path.lastIndexOf("M") > 0 || !/^[MLZ\d.,\s-]+$/.test(path) || xaxis._offset || yaxis._offset) return null
    const numbers = path.match(/-?[\d.]+/g).map(Number)
    if (numbers.length < 6 || numbers.length % 2 || numbers.some(Number.isNaN)) return null
    return numbers.flatMap((px, at) => at % 2 ? [] : [[px, numbers[at + 1]]])
  }

  close() {
    this.closed = true
    if (this.ready) this.Plotly.purge(this.element)
  }
}

function lookOf({ ink, accent }) {
  return { "modebar.color": `rgba(${ink.join(",")},0.55)`, "modebar.activecolor": accent, "modebar.bgcolor": "rgba(0,0,0,0)", "newselection.line.color": accent }
}

/** The polygon of one of Plotly's selection events in data coordinates, or null. A box is a polygon with four corners. */
function polygonOf(event) {
  if (event?.lassoPoints) return event.lassoPoints.x.map((x, at) => [x, event.lassoPoints.y[at]])
  if (!event?.range) return null
  const [x0, x1] = event.range.x, [y0, y1] = event.range.y
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
}
