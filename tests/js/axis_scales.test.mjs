import assert from "node:assert/strict"
import test from "node:test"
import { ticksOf, tickText } from "../../pages/components/clip_map/axis_scales.js"

test("ticks are round numbers within the ends", () => {
  assert.deepEqual(ticksOf(0, 99.67, 10), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
  assert.deepEqual(ticksOf(-0.13, 0.31, 5), [-0.1, 0, 0.1, 0.2, 0.3])
  assert.deepEqual(ticksOf(1234567, 1234571, 4), [1234567, 1234568, 1234569, 1234570, 1234571])
})

test("there are never more of them than there is room for, but for the one at the border", () => {
  for (const [low, high] of [[0, 1], [3, 3.7], [-1e6, 1e-3], [1e-9, 7e-9]]) {
    for (let most = 1; most < 14; most++) {
      const ticks = ticksOf(low, high, most)
      assert.ok(ticks.length <= most + 1)
      assert.ok(ticks.every(value => value >= low - 1e-12 * Math.abs(low) && value <= high))
    }
  }
})

test("neighbouring ticks have different texts", () => {
  assert.deepEqual([1234567, 1234568, 0, -0.25, 2e-7].map(tickText), ["1,234,567", "1,234,568", "0", "-0.25", "2e-7"])
})

test("where there is no extent there are no ticks", () => {
  assert.deepEqual(ticksOf(2, 2, 5), [])
  assert.deepEqual(ticksOf(NaN, 2, 5), [])
})
