import assert from "node:assert/strict"
import test from "node:test"
import { View } from "../../pages/components/clip_map/paint.js"

test("what is dragged stays under the hand", () => {
  const view = new View([0, 10], [-1, 1], 500, 200)
  const [x, y] = view.toPlane(100, 50)
  const { x: xs, y: ys } = view.dragged(30, -20)

  assert.deepEqual(new View(xs, ys, 500, 200).toPixel(x, y).map(Math.round), [130, 30])
})
