import assert from "node:assert/strict"
import test from "node:test"
import { Painter, View } from "../../pages/components/clip_map/paint.js"

const context = { putImageData() {}, drawImage() {}, fillRect() {} }
globalThis.window = { devicePixelRatio: 1 }
globalThis.ImageData = class {
  constructor(width, height) { Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }) }
}
globalThis.document = { createElement: () => ({ getContext: () => context }) }

const theme = { ground: [255, 255, 255], ink: [20, 20, 20], grey: [144, 144, 144] }
const n = 70_000
let state = 1
const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
const places = Uint16Array.from({ length: 2 * n }, () => 65534 * draw() * draw())
const base = { n, places, x0: 0, x1: 1, y0: 0, y1: 1 }
const colours = Uint32Array.from({ length: n }, () => 0xffffff * draw())
const ranks = Uint8Array.from({ length: n }, () => 5 * draw()) // 0 is not drawn

const pixels = (painter, view, strengths, of = { n, base, count: 1 }, crowd = ranks) => {
  painter.paint(of, view, theme, colours, crowd, strengths)
  return new Uint32Array(painter.image.data.buffer).slice()
}
const fresh = () => new Painter({ getContext: () => context })
const full = new Uint8Array(n).fill(8)

for (const [size, what] of [[[810, 630], "a crowd"], [[300, 200], "a large crowd, whose stamp is three by three"]]) {
  test(`${what} is painted as point after point would be`, () => {
    const view = new View([0, 0.6], [0, 0.7], ...size), painter = fresh()
    const crowd = pixels(painter, view, null)
    assert.ok(new Set(crowd).size > 100)
    assert.deepEqual(crowd, pixels(fresh(), view, full)) // with strengths each point is placed and mixed by itself
  })
}

test("another view, and other places of the same clips, are seen", () => {
  const painter = fresh(), near = new View([0, 0.2], [0, 0.2], 300, 200), far = new View([0, 1], [0, 1], 300, 200)
  pixels(painter, far, null)
  assert.deepEqual(pixels(painter, near, null), pixels(fresh(), near, null))
  const moved = { n, base: { ...base, places: places.toReversed() }, count: 1 }
  assert.deepEqual(pixels(painter, near, null, moved), pixels(fresh(), near, null, moved))
})
