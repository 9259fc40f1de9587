import assert from "node:assert/strict"
import test from "node:test"
import { decodeBase } from "../../pages/components/clip_map/codec.js"
import { extentOf, findInPolygon, Grid, inPolygon } from "../../pages/components/clip_map/geometry.js"
import { base } from "./base.mjs"

const SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2]]

let seed = 7
const random = () => (seed = seed * 48271 % 2147483647) / 2147483647
const step = () => Math.floor(random() * 65535)

function cloud(n) {
  const places = Array.from({ length: 2 * n }, step)
  places[20] = places[21] = 65535
  return decodeBase(base({ n, x0: -3.7, x1: 11.3, y0: 0.01, y1: 0.02, missing: 1 }, places))
}

const star = corners => Array.from({ length: corners }, (_, at) => {
  const turn = at / corners * 4 * Math.PI, reach = at % 2 ? 0.9 : 0.35 + random() * 0.3
  return [3.8 + 7 * reach * Math.cos(turn), 0.015 + 0.0048 * reach * Math.sin(turn)]
})

test("left and lower borders belong to a polygon, right and upper ones do not", () => {
  assert.deepEqual([[0, 1], [1, 0], [2, 1], [1, 2], [0, 0], [2, 2]].map(([x, y]) => inPolygon(x, y, SQUARE)), [true, true, false, false, true, false])
})

test("where a polygon covers itself twice it is outside", () => {
  assert.equal(inPolygon(1, 1, [...SQUARE, ...SQUARE]), false)
})

test("the fast test finds exactly what the plain rule finds", () => {
  const map = cloud(4000)
  const found = new Uint8Array(map.n)
  for (const corners of [3, 4, 7, 40, 300]) {
    const polygon = star(corners)
    const expected = Array.from({ length: map.n }, (_, clip) =>
      clip !== 10 && inPolygon(map.xs[map.places[2 * clip]], map.ys[map.places[2 * clip + 1]], polygon) ? 1 : 0)

    const count = findInPolygon(polygon, map, null, found)

    assert.deepEqual([...found], expected)
    assert.equal(count, expected.reduce((sum, hit) => sum + hit))
  }
})

test("the fast test agrees on vertices that lie on points", () => {
  const map = cloud(500)
  const at = clip => [map.xs[map.places[2 * clip]], map.ys[map.places[2 * clip + 1]]]
  const found = new Uint8Array(map.n)
  for (let first = 30; first < 480; first += 5) {
    const polygon = [0, 1, 2, 3].map(next => at(first + next))

    findInPolygon(polygon, map, null, found)

    for (let clip = 11; clip < map.n; clip++) assert.equal(found[clip], Number(inPolygon(...at(clip), polygon)))
  }
})

test("a clip without a place and a clip that is not among the asked are never found", () => {
  const map = cloud(100)
  const everything = [[-10, -10], [20, -10], [20, 10], [-10, 10]]
  const among = new Uint8Array(map.n).fill(1)
  among[5] = 0
  const found = new Uint8Array(map.n)

  assert.equal(findInPolygon(everything, map, among, found), 98)
  assert.deepEqual([found[5], found[10]], [0, 0])
})

test("a line and a point enclose nothing", () => {
  const map = cloud(100)

  assert.equal(findInPolygon([[0, 0], [1, 1]], map, null, new Uint8Array(map.n)), 0)
  assert.equal(findInPolygon([[1, 0.015], [1, 0.015], [1, 0.015]], map, null, new Uint8Array(map.n)), 0)
})

test("the nearest clips are the nearest, at every size of the grid", () => {
  for (const n of [30, 3000, 30000]) {
    const map = cloud(n)
    const grid = new Grid(map)
    const all = new Uint8Array(n).fill(1)
    for (let round = 0; round < 20; round++) {
      const x = step(), y = step(), perX = 0.02, perY = -0.01
      const expected = Array.from({ length: n }, (_, clip) => ({ clip, distance: ((map.places[2 * clip] - x) * perX) ** 2 + ((map.places[2 * clip + 1] - y) * perY) ** 2 }))
        .filter(({ clip, distance }) => clip !== 10 && distance <= 80 ** 2).sort((a, b) => a.distance - b.distance).slice(0, 4).map(({ clip }) => clip)

      assert.deepEqual(grid.nearest(x, y, perX, perY, 80, 4, all), expected)
    }
  }
})

test("a clip that is not shown is not near", () => {
  const map = decodeBase(base({ n: 2, x0: 0, x1: 1, y0: 0, y1: 1, missing: 0 }, [100, 100, 110, 110]))

  assert.deepEqual(new Grid(map).nearest(100, 100, 1, 1, 30, 1, new Uint8Array([0, 1])), [1])
})

test("a place far outside the map has nothing near it", () => {
  const map = cloud(300)

  assert.deepEqual(new Grid(map).nearest(-90000, 200000, 0.01, 0.01, 10, 3, new Uint8Array(300).fill(1)), [])
})

test("the rectangle around some clips leaves out those without a place, and around none there is none", () => {
  const map = decodeBase(base({ n: 4, x0: 0, x1: 65534, y0: 0, y1: 65534, missing: 1 }, [5, 7, 9, 3, 65535, 65535, 100, 100]))

  assert.deepEqual(extentOf(map, clip => clip < 3), [5, 9, 3, 7])
  const [x0, x1] = extentOf(map, () => false)
  assert.ok(x0 > x1)
})
