import test from "node:test"
import assert from "node:assert/strict"
import { halves } from "../../pages/components/clip_list/halves.js"

test("a long name gives way before its end, where names differ", () => {
  assert.deepEqual(halves("7_theo_46.wav"), ["7_theo", "_46.wav"])
  assert.deepEqual(halves("recording 12 (0.5–1.0 s)"), ["recording 12 (0.5", "–1.0 s)"])
})

test("a short name is its end", () => {
  assert.deepEqual(halves("a.wav"), ["", "a.wav"])
  assert.deepEqual(halves(""), ["", ""])
})

test("no letter is cut in two", () => {
  assert.equal(halves("🦉🦉.wav and more").join(""), "🦉🦉.wav and more")
  assert.equal(halves("🦉".repeat(9))[1], "🦉".repeat(7))
})
