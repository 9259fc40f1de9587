import assert from "node:assert/strict"
import test from "node:test"
import { unmounter } from "../../pages/components/elements/unmount.js"

/** A place with an element mounted twice, as Streamlit does when two runs follow each other: the ways to leave, and what was closed. */
function mountedTwice() {
  const place = { isConnected: true }, mounted = new WeakMap([[place, "the map"]]), closed = []
  const leave = () => unmounter(mounted, place, element => closed.push(element))
  return { place, mounted, closed, first: leave(), second: leave() }
}

test("an overtaken call does not take the element away from its place", () => {
  const { mounted, place, closed, first } = mountedTwice()

  first()

  assert.deepEqual(closed, [])
  assert.equal(mounted.get(place), "the map")
})

test("an element whose place is gone is closed, once", () => {
  const { mounted, place, closed, first, second } = mountedTwice()
  place.isConnected = false

  second()
  first()

  assert.deepEqual(closed, ["the map"])
  assert.equal(mounted.has(place), false)
})
