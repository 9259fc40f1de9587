/**
 * The lasso map. Plotly provides axes, mode bar, zoom and pan; our canvases beneath it draw points, lasso and box; our script finds the clips in the polygon.
 * inline.js calls `mount` with every run of the page. The map stays between runs: a run updates it, and never makes a new one.
 *
 * Sends Python, by an Outbox, the messages {kind: "selection", set, kept, passes, n, how, polygon}, {kind: "focus", position} and the commands of keys, {kind, …}.
 * Hovering, listening, zooming and other people's labels send nothing and run no script.
 *
 * This file only connects the parts. Each part has its own file and owns its fields; it gets the parts it needs and the functions it may call (`acts`) by its constructor.
 * Test hooks: window.__hoverMap = {state(), pixel(position), colour(position)} of the map mounted last. See test_hooks.js.
 */
import { BaseLoader } from "./base_loader.js"
import { Columns } from "./columns.js"
import { make } from "./dom.js"
import { GestureLock } from "./gesture_lock.js"
import { Gestures, wouldDisturb } from "./gestures.js"
import { Hover } from "./hover.js"
import { Keys } from "./keys.js"
import { LiveLabels } from "./live_labels.js"
import { Montage } from "./montage.js"
import { Outbox } from "./outbox.js"
import { PageLink } from "./page_link.js"
import { Painter } from "./paint.js"
import { Panels } from "./panels.js"
import { playingAudio } from "./playback.js"
import { loadPlotly, PlotlyFrame } from "./plotly_frame.js"
import { ProblemNotice } from "./problem_notice.js"
import { Renderer } from "./renderer.js"
import { Selection } from "./selection.js"
import { Sound } from "./sound.js"
import { style } from "./style.js"
import { testHooks } from "./test_hooks.js"
import { helpSheet, Toolbar } from "./toolbar.js"
import { unmounter } from "./unmount.js"
import { Viewport } from "./viewport.js"

const FIRST_SIZE = { width: 600, height: 400 } // of Plotly's part, before the box has a size

const maps = new WeakMap() // by parentElement

/** Mounts or updates the map in component.parentElement. Returns a function that removes it. */
export function mount(component) {
  const place = component.parentElement
  if (!maps.has(place)) {
    // After an update of the server, a second copy of this module may run in the same page: close the older copy's map.
    for (const older of place.querySelectorAll(":scope > .clip-map")) older.clipMap.close()
    maps.set(place, new ClipMap(place))
  }
  maps.get(place).update(component)
  return unmounter(maps, place, map => map.close())
}

class ClipMap {
  constructor(place) {
    this.closing = new AbortController()
    const { signal } = this.closing
    const points = make("canvas"), overlay = make("canvas"), pointer = make("canvas"), axes = make("div.plotly")
    const box = make("div.plot", { tabindex: 0, "aria-label": "Map of the clips" })
    const element = this.element = make("div")
    element.className = "clip-map"
    element.clipMap = this
    const sheet = helpSheet(() => { sheet.hidden = true })
    const busy = on => element.classList.toggle("clip-map-loading", on)
    const theme = () => this.renderer.theme

    const problem = new ProblemNotice()
    const lock = this.lock = new GestureLock()
    const link = this.link = new PageLink(new Outbox())
    const toolbar = this.toolbar = new Toolbar({
      op: op => this.gestures.setOp(op),
      hear: () => this.keys.hearSelection(),
      invert: () => this.selection.invert(),
      clear: () => this.selection.clear(),
      zoom: () => this.viewport.showSelection(),
      subset: (subset, event) => this.selection.filter(() => loader.clips.subset[event.detail > 1 ? "isolate" : "toggle"](subset), event),
      colourBy: key => this.columns.colourBy(key),
      filterBy: key => this.columns.filterBy(key),
      axes: (x, y) => { this.columns.setAxes({ x, y }); loader.load() },
      sound: (on, volume) => this.hover.sound.set(on, volume),
      help: () => this.keys.toggleHelp(),
    })
    const loader = this.loader = new BaseLoader({ link, lock, problem, signal }, {
      axes: () => this.columns.axes,
      bundle: () => loadPlotly(link.address(link.data.plotly).href),
      style: () => this.styleSheet,
      busy,
      open: (clips, address, axes) => this.#open(clips, address, axes),
      draw: Plotly => frame.show(Plotly, viewport.range, viewport.view ?? FIRST_SIZE, theme()),
    })
    const frame = this.frame = new PlotlyFrame(axes, { show: range => viewport.show(range), home: () => viewport.showAll() }, lock)
    const viewport = this.viewport = new Viewport({ element, box, loader, frame, lock }, {
      move: () => {
        this.hover.leave()
        if (!viewport.view?.same(renderer.painter.painted)) renderer.redraw("view", "overlay", "pointer")
      },
      resize: () => renderer.redraw("view", "overlay", "pointer"),
    })
    const renderer = this.renderer = new Renderer({ painter: new Painter(points), canvases: { overlay, pointer }, loader, viewport, lock }, {
      facet: () => this.columns.facet,
      overlays: () => this.#overlays(),
      count: stroke => this.selection.count(stroke),
      panels: () => this.panels.show(),
      dress: look => frame.dress(look),
    })
    const hover = this.hover = new Hover({ link, loader, viewport }, {
      theme,
      fact: clip => this.columns.fact(clip),
      change: () => { renderer.redraw("pointer"); toolbar.showSound(this.hover.sound.on, this.hover.sound.volume) },
    })
    const montage = this.montage = new Montage(new Sound(() => this.montage?.followSound()), clip => link.clipAddress(clip, "audio"), () => {
      toolbar.showMontage(this.montage.turn)
      renderer.redraw("pointer")
    })
    const selection = this.selection = new Selection({ link, loader, viewport, renderer, toolbar }, {
      op: () => this.gestures.op,
      pans: () => frame.dragmode === "pan",
      silence: () => montage.stop(),
      leave: () => hover.leave(),
      hear: clip => hover.hear(clip),
    })
    const columns = this.columns = new Columns({ link, loader, selection, renderer, toolbar, problem, signal }, { busy })
    const live = this.live = new LiveLabels({ link, loader, renderer, columns, toolbar, signal }, { wouldDisturb: () => wouldDisturb(lock) })
    const keys = this.keys = new Keys({ link, loader, viewport, selection, live, hover, montage, sheet }, playingAudio)
    const panels = this.panels = new Panels({ box, link, loader, columns, selection, renderer, toolbar })
    box.append(points, overlay, pointer, axes, panels.note, hover.tip, problem.element, sheet)
    element.append(toolbar.element, panels.filters.element, box, panels.legend.element, panels.ramp.element, hover.sound.element, montage.sound.element)
    this.gestures = new Gestures({ element, box, hover, loader, viewport, frame, lock, signal }, {
      showOp: op => toolbar.showOp(op),
      click: (px, py, how) => selection.click(px, py, how),
      enclose: stroke => selection.enclose(stroke),
      paint: (mask, op, label) => { selection.paint(mask, label ? "new" : op); if (label) keys.labelSelection() },
      pan: range => frame.goTo(range),
      count: count => toolbar.showCatch(count, "painted"),
      key: key => keys.press(key),
      redraw: () => renderer.redraw("pointer"),
      release: () => renderer.redraw(),
      clickElsewhere: button => live.clickButton(button),
    })
    this.gestures.setOp("new")
    toolbar.element.addEventListener("pointerenter", () => columns.loadList())
    toolbar.showSound(hover.sound.on, hover.sound.volume)
    toolbar.showLive(null, [])
    viewport.watch(signal)
    this.hooks = testHooks(this, box)
    place.append(element)
  }

  /** Updates the map with the data of a run of the page. */
  update(component) {
    const before = this.link.update(component), { data } = this.link
    this.styleSheet = style(this.link.address(`${data.assets}map.css`).href, this.element)
    this.viewport.setHeight(data.height)
    this.renderer.readTheme(this.element)
    if (data.focus !== before?.focus) this.selection.setFocus(data.focus)
    const isOther = data.journal !== before?.journal
    if (isOther) {
      for (const part of [this.loader, this.selection, this.columns, this.hover]) part.forget()
      this.montage.stop()
      this.live.open()
    } else {
      this.live.hear(before)
    }
    this.columns.updateAxes(before)
    if (isOther || data.map !== before?.map) this.loader.load()
    else if (this.loader.clips) this.#obey({ fresh: false })
    window.__hoverMap = this.hooks
  }

  /** Passes a map that was loaded to all parts, in this order. */
  #open(clips, address, axes) {
    this.renderer.open(clips.n)
    this.selection.open(clips)
    this.viewport.open(clips.base, address)
    this.columns.open(axes)
    this.live.takeEarly()
    this.#obey({ fresh: true })
    this.renderer.redraw("colours", "legend", "overlay", "pointer")
  }

  /** Applies the data of a run that concern the loaded clips; `fresh` if they were just loaded. */
  #obey({ fresh }) {
    this.selection.obey({ fresh })
    this.columns.obey()
    this.panels.showNotes()
    this.renderer.redraw("pointer")
  }

  /** The arguments of overlays.js, which draws over the points. */
  #overlays() {
    const { selection: { outline, focus }, columns: { ring, scales }, hover, montage, gestures } = this
    return {
      outline, focus, ring, scales, hover: montage.clip ?? hover.clip, audible: montage.clip !== null || hover.sound.audible,
      dabs: gestures.brush?.clips, brush: gestures.brushAt, stroke: gestures.drawing,
    }
  }

  close() {
    this.closing.abort()
    for (const part of [this.loader, this.live, this.hover, this.montage, this.selection, this.columns, this.lock, this.renderer, this.frame]) part.close()
    this.element.remove()
    if (window.__hoverMap === this.hooks) delete window.__hoverMap
  }
}
