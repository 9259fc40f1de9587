import assert from "node:assert/strict"
import test from "node:test"
import { GestureLock } from "../../pages/components/clip_map/gesture_lock.js"
import { Viewport } from "../../pages/components/clip_map/viewport.js"
import { clips, mask, N, notebook } from "./map_parts.mjs"

let maps = 0 // zooms are remembered by address: each test has a map of its own

/** A viewport of 600 by 400 pixels that shows x from −1 to 5 and y from −2 to 2: 100 pixels a unit, and clip k at (100 + 100 k, 200). */
function look(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  globalThis.innerHeight = 900
  globalThis.scrollY = 0
  const styles = new Map()
  const style = { setProperty: (name, value) => styles.set(name, value) }
  const box = { clientWidth: 600, clientHeight: 400, style }
  const element = { style, getBoundingClientRect: () => ({ top: 100 }), closest: () => null }
  const loader = { clips: clips() }, frame = notebook("goTo", "resize"), acts = notebook("move", "resize"), lock = new GestureLock()
  const viewport = new Viewport({ element, box, loader, frame, lock }, acts)
  const address = `http://app/map/${++maps}?clips=6`
  viewport.open(loader.clips.base, address)
  viewport.show({ x: [-1, 5], y: [-2, 2] })
  return { viewport, box, loader, frame, acts, lock, styles, address }
}

const round = pixel => pixel.map(Math.round)

test("a map that is new is shown whole, with a margin", t => {
  const { viewport, loader } = look(t)
  viewport.open(loader.clips.base, "http://app/map/new?clips=6")

  assert.deepEqual(viewport.range, { x: [-0.04 * 65534, 1.04 * 65534], y: [-0.04 * 65534, 1.04 * 65534] })
})

test("a zoom moves clips to other pixels, and says so", t => {
  const { viewport, acts } = look(t)
  assert.deepEqual([round(viewport.pixel(0)), round(viewport.pixel(3))], [[100, 200], [400, 200]])
  viewport.show({ x: [2, 4], y: [-1, 1] })

  assert.deepEqual(round(viewport.pixel(3)), [300, 200])
  assert.deepEqual(acts.calls, [["move"], ["move"]])
})

test("a zoom is there again when its map comes back, also when the map has grown", t => {
  const { viewport, loader, address } = look(t)
  viewport.open(loader.clips.base, "http://app/map/another?clips=6")
  viewport.open(loader.clips.base, address.replace("clips=6", "clips=8"))

  assert.deepEqual(viewport.range, { x: [-1, 5], y: [-2, 2] })
})

test("zooming to the selection shows all of it, without what filters hide", t => {
  const { viewport, loader: { clips }, frame } = look(t)
  viewport.showSelection()
  assert.deepEqual(frame.calls, [])
  clips.base.x1 = clips.base.y1 = 10 // a twentieth of the map is less than what is selected
  clips.choose("new", mask(1, 2, 5))
  clips.shown[5] = 0
  viewport.showSelection()

  const [[, { x, y }]] = frame.calls
  assert.deepEqual(x, [0.96, 2.04])
  assert.deepEqual(y, [-0.27, 0.27])
})

test("one clip alone is shown with a twentieth of the map around it", t => {
  const { viewport, loader: { clips }, frame } = look(t)
  clips.base.x1 = clips.base.y1 = 40
  clips.choose("new", mask(2))
  viewport.showSelection()

  assert.deepEqual(frame.calls, [["goTo", { x: [0.92, 3.08], y: [-1.08, 1.08] }]])
})

test("another size of the box shows the same ranges in it, and tells Plotly", t => {
  const { viewport, box, frame, acts, styles } = look(t)
  box.clientWidth = 300
  viewport.resize()

  assert.deepEqual(round(viewport.pixel(3)), [200, 200])
  assert.equal(frame.calls[0][0], "resize")
  assert.deepEqual([frame.calls[0][1].width, frame.calls[0][1].height], [300, 400])
  assert.equal(styles.get("--clip-map-wide"), "300px")
  assert.deepEqual(acts.calls.at(-1), ["resize"])
})

test("a size that comes under a hand is taken over when it lets go, so that a lasso stays where it is drawn", t => {
  const { viewport, box, lock } = look(t)
  lock.down()
  box.clientWidth = 300
  viewport.resize()
  assert.deepEqual(round(viewport.pixel(3)), [400, 200])
  lock.up()
  t.mock.timers.tick(150)

  assert.deepEqual(round(viewport.pixel(3)), [200, 200])
})

test("a box without a size leaves the view as it was", t => {
  const { viewport, box } = look(t)
  box.clientWidth = box.clientHeight = 0
  viewport.resize()

  assert.deepEqual(round(viewport.pixel(3)), [400, 200])
})

test("a map without a height ends where the window ends", t => {
  const { viewport, styles } = look(t)
  viewport.setHeight(560)
  assert.equal(styles.get("--clip-map-height"), "560px")
  viewport.setHeight(null)

  assert.equal(styles.get("--clip-map-height"), "784px") // 900 − 100 − 16
})

test("near a pixel the nearest shown clips are named, nearest first; a brush touches all around it", t => {
  const { viewport, loader: { clips } } = look(t)
  assert.deepEqual(viewport.near(290, 200, 100, 5), [2, 1])
  clips.shown[2] = 0

  assert.deepEqual(viewport.near(290, 200, 100, 5), [1])
  const touched = []
  viewport.around(290, 200, 120, clip => touched.push(clip))
  assert.deepEqual(touched.sort(), [1, 2, 3])
})

test("before there is a map nothing is near and no range is kept", t => {
  const { viewport, loader, acts } = look(t)
  loader.clips = null
  viewport.show({ x: [0, 1], y: [0, 1] })

  assert.deepEqual([viewport.near(100, 200, 50, N), acts.calls.length], [[], 1])
})
