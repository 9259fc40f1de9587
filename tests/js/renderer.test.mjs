import assert from "node:assert/strict"
import test from "node:test"
import { Renderer } from "../../pages/components/clip_map/renderer.js"
import { View } from "../../pages/components/clip_map/paint.js"
import { clips, mask, N, notebook, set } from "./map_parts.mjs"

/** A canvas that writes down when it is drawn on: clearing is the first act of every drawing. */
function canvas(name, calls) {
  const context = new Proxy({}, { get: (_, act) => (act === "clearRect" ? () => calls.push(name) : () => ({ width: 0 })), set: () => true })
  return { style: {}, getContext: () => context }
}

/** A renderer of six clips: `frame` lets the next frame come, `drawn` answers what was drawn since it was asked last. */
function draw(t, { took = 1 } = {}) {
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ["setTimeout"] })
  globalThis.devicePixelRatio = 1
  const frames = []
  globalThis.requestAnimationFrame = act => frames.push(act)
  globalThis.cancelAnimationFrame = number => { if (number) frames[number - 1] = () => {} }
  const calls = []
  const painter = { took, radius: 3, paint: (_, __, ___, colours, ranks) => calls.push(["paint", [...colours], [...ranks]]), show: () => calls.push("show") }
  const loader = { clips: clips() }, viewport = { view: new View([-1, 5], [-2, 2], 600, 400), pixel: clip => [100 * clip, 200] }, lock = { drawing: false }
  loader.clips.apply({ revision: 1, n: N, labels: [[0, "zero", "#ff0000"]], changes: [[0, set(0)]] })
  const overlays = { scales: { x: null, y: null }, hover: null }
  const acts = notebook("count")
  const renderer = new Renderer({ painter, canvases: { overlay: canvas("overlay", calls), pointer: canvas("pointer", calls) }, loader, viewport, lock },
    { facet: () => loader.clips.label, overlays: () => overlays, count: acts.count, panels: () => calls.push("panels"), dress() {} })
  renderer.open(N)
  renderer.theme = { ground: [255, 255, 255], ink: [0, 0, 0], grey: [128, 128, 128], accent: "#ff4b4b" }
  return {
    renderer, loader, lock, overlays, painter, viewport, counted: acts.calls,
    frame: () => frames.splice(0).forEach(act => act()),
    drawn: () => calls.splice(0).map(call => (Array.isArray(call) ? call[0] : call)),
    paints: () => calls.splice(0).filter(Array.isArray),
  }
}

test("what has changed is drawn once, with the next frame, in one order", t => {
  const { renderer, frame, drawn } = draw(t)
  renderer.redraw("pointer", "legend")
  renderer.redraw("colours", "overlay")
  assert.deepEqual(drawn(), [])
  frame()
  assert.deepEqual(drawn(), ["panels", "paint", "overlay", "pointer"])
  renderer.redraw("pointer")
  frame()

  assert.deepEqual(drawn(), ["pointer"])
})

test("what must be seen at once waits for no frame, and is not drawn again with it", t => {
  const { renderer, frame, drawn } = draw(t)
  renderer.redraw("colours")
  renderer.drawNow()
  assert.deepEqual(drawn(), ["paint"])
  frame()

  assert.deepEqual(drawn(), [])
})

test("colours and ranks are those of the labels and the selection", t => {
  const { renderer, loader, paints } = draw(t)
  loader.clips.choose("new", mask(0, 5))
  renderer.redraw("colours")
  renderer.drawNow()

  const grey = 0x808080, red = 0x0000ff // 0xbbggrr
  assert.deepEqual(paints(), [["paint", [red, grey, grey, grey, grey, grey], [4, 1, 1, 1, 1, 3]]])
})

test("under a hand only its lasso is drawn; points and legend come when it has let go", t => {
  const { renderer, lock, frame, drawn, overlays, counted } = draw(t)
  lock.drawing = true
  overlays.stroke = { op: "new", kind: "lasso", points: [[0, 0], [1, 0], [1, 1]] }
  renderer.redraw("colours", "legend", "overlay", "pointer")
  frame()
  assert.deepEqual([drawn(), counted], [["overlay", "pointer"], [["count", overlays.stroke]]])
  lock.drawing = false
  overlays.stroke = null
  renderer.redraw()
  frame()

  assert.deepEqual(drawn(), ["panels", "paint"])
})

test("a map that is slow to paint is shown moved while it moves, and painted when it stands still", t => {
  const { renderer, frame, drawn } = draw(t, { took: 200 })
  renderer.redraw("view")
  frame()
  renderer.redraw("view")
  frame()
  assert.deepEqual(drawn(), ["show", "show"])
  t.mock.timers.tick(90)
  frame()

  assert.deepEqual(drawn(), ["paint"])
})

test("a map that is quick to paint is painted while it moves", t => {
  const { renderer, frame, drawn } = draw(t, { took: 5 })
  renderer.redraw("view")
  frame()

  assert.deepEqual([drawn(), renderer.paints], [["paint"], 1])
})

test("before there are clips and a view nothing is drawn, and nothing is forgotten", t => {
  const { renderer, viewport, frame, drawn } = draw(t)
  const { view } = viewport
  viewport.view = null
  renderer.redraw("colours")
  frame()
  assert.deepEqual(drawn(), [])
  viewport.view = view
  renderer.redraw()
  frame()

  assert.deepEqual(drawn(), ["paint"])
})

test("a map that was taken away draws no more", t => {
  const { renderer, frame, drawn } = draw(t)
  renderer.redraw("colours")
  renderer.close()
  frame()
  assert.deepEqual(drawn(), [])
  const late = draw(t)
  late.renderer.close()
  late.renderer.redraw("pointer") // a column that came late
  late.frame()

  assert.deepEqual([...drawn(), ...late.drawn()], [])
})
