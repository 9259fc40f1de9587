/** Plotly's part of the map: axes, mode bar, zoom and pan, and the choice of lasso, box or pan. It does not draw the points. */

let bundle = null

/** Loads Plotly's bundle once for the page; after a failure the next call tries again. */
export function loadPlotly(address) {
  bundle ??= window.Plotly ? Promise.resolve(window.Plotly) : new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = address
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      bundle = null
      script.remove()
      reject(new Error("Plotly's script could not be loaded"))
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

export class PlotlyFrame {
  /**
   * @param acts {show(range), home()}
   * @param {GestureLock} lock changes of Plotly's layout wait for the end of a gesture
   */
  constructor(element, acts, lock) {
    Object.assign(this, { element, acts, lock, dragmode: "lasso", ready: false })
  }

  /** Shows a range {x, y}; after that the person can zoom and select. */
  async show(Plotly, range, { width, height }, theme) {
    const axis = ends => ({ range: [...ends], visible: false, showgrid: false, zeroline: false, autorange: false })
    const look = lookOf(theme)
    const layout = {
      width, height, margin: { l: 0, r: 0, t: 0, b: 0, pad: 0 }, xaxis: axis(range.x), yaxis: axis(range.y), dragmode: this.dragmode,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: false,
      modebar: { color: look["modebar.color"], activecolor: look["modebar.activecolor"], bgcolor: look["modebar.bgcolor"] },
    }
    const config = {
      scrollZoom: true, displaylogo: false, displayModeBar: true, doubleClick: false, responsive: false, showTips: false, showAxisDragHandles: false, showAxisRangeEntryBoxes: false,
      // Plotly's own reset returns to the first range, which is a zoom after a visit to another page
      modeBarButtons: [["lasso2d", "select2d", "pan2d"], ["zoomIn2d", "zoomOut2d", { name: "reset", title: "Zoom out to everything", icon: Plotly.Icons.home, click: () => this.acts.home() }]],
    }
    // Plotly lets axes be dragged only if there is a trace: one invisible point is enough
    const trace = { type: "scatter", mode: "markers", x: [range.x[0]], y: [range.y[0]], marker: { opacity: 0, size: 1 }, hoverinfo: "skip", showlegend: false }
    await Plotly.react(this.element, [trace], layout, config)
    this.Plotly = Plotly
    if (this.closed) return Plotly.purge(this.element)
    if (!this.ready) this.#listen()
    this.ready = true
    this.#readRange()
  }

  #listen() {
    const on = (name, act) => this.element.on(`plotly_${name}`, act)
    on("relayouting", () => this.#readRange())
    on("relayout", change => {
      if (change.dragmode) this.dragmode = change.dragmode
      this.#readRange()
    })
    on("doubleclick", () => this.dragmode === "pan" && this.acts.home())
  }

  #readRange() {
    const { xaxis, yaxis } = this.element._fullLayout ?? {}
    if (xaxis) this.acts.show({ x: [...xaxis.range], y: [...yaxis.range] })
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
    this.lock.run(what, () => this.ready && !this.closed && this.Plotly.relayout(this.element, change))
  }

  close() {
    this.closed = true
    if (this.ready) this.Plotly.purge(this.element)
  }
}

function lookOf({ ink, accent }) {
  return { "modebar.color": `rgba(${ink.join(",")},0.55)`, "modebar.activecolor": accent, "modebar.bgcolor": "rgba(0,0,0,0)" }
}
