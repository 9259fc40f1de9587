import test from "node:test"
import assert from "node:assert/strict"
import { Row, isHeard } from "../../pages/components/labelling/review_player/row.js"

test("keeping, dropping and skipping go to the next clip and tell Python which", () => {
  const row = new Row([7, 8, 9])
  assert.deepEqual(row.decide("keep", true), { kind: "keep", position: 7, heard: true, at: 1 })
  assert.deepEqual(row.decide("drop", false), { kind: "drop", position: 8, heard: false, at: 2 })
  assert.deepEqual(row.decide("skip", true), { kind: "skip", position: 9, heard: true, at: 3 })
  assert.equal(row.now, null)
  assert.equal(row.decide("keep", true), null)
  assert.deepEqual([row.count("keep"), row.count("drop")], [1, 1])
})

test("undo goes back to the clip and forgets what was decided", () => {
  const row = new Row([7, 8])
  row.decide("keep", true)
  assert.deepEqual(row.undo(), { kind: "undo", position: 7, heard: false, at: 0 })
  assert.equal(row.count("keep"), 0)
  assert.equal(row.undo(), null)
})

test("what passes by itself can be gone back to", () => {
  const row = new Row([7, 8])
  row.pass()
  assert.equal(row.now, 8)
  assert.equal(row.undo().position, 7)
  assert.equal(row.now, 7)
})

test("a row that was left is taken up where it was", () => {
  const row = new Row([7, 8, 9], { at: 2, kept: [7], dropped: [8] })
  assert.equal(row.now, 9)
  assert.deepEqual([row.count("keep"), row.count("drop")], [1, 1])
  assert.equal(row.undo().position, 8)
  assert.equal(row.count("drop"), 0)
})

test("what was labelled is kept no longer", () => {
  const row = new Row([7, 8], { at: 2, kept: [7], dropped: [8] })
  row.labelled()
  assert.deepEqual([row.count("keep"), row.count("drop")], [0, 1])
})

test("a clip is heard after half a second, or half of it, or its end", () => {
  assert.equal(isHeard(0.49, 10, false), false)
  assert.equal(isHeard(0.5, 10, false), true)
  assert.equal(isHeard(0.1, 0.3, false), false)
  assert.equal(isHeard(0.15, 0.3, false), true)
  assert.equal(isHeard(0, 0.01, true), true)
  assert.equal(isHeard(0, NaN, false), false)
})
