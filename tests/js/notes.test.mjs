import assert from "node:assert/strict"
import test from "node:test"
import { notesOf } from "../../pages/components/clip_map/notes.js"

const AXES = { x: "snr", y: "duration" }
const clips = (base, more = {}) => ({ n: 300, placed: 300, drawn: 300, base: { missing: 0, without: [0, 0], ...base }, ...more })

test("a map that shows everything has nothing to say", () => {
  assert.deepEqual(notesOf(clips({}), null, AXES), [])
})

test("clips without a place are told from those without a value for an axis", () => {
  assert.deepEqual(notesOf(clips({ missing: 1, without: [0, 1200] }), null, AXES), ["1 clip has no place on this map yet", "1,200 clips have no value for duration"])
  assert.deepEqual(notesOf(clips({ without: [7, 7] }), null, { x: "snr", y: "snr" }), ["7 clips have no value for snr"])
})

test("filters that hide every clip are told, and the absence of clips is", () => {
  assert.deepEqual(notesOf(clips({}, { drawn: 0 }), "A sketch.", AXES), ["A sketch.", "The filters hide every clip"])
  assert.deepEqual(notesOf(clips({}, { n: 0, placed: 0, drawn: 0 }), null, AXES), ["No clips yet"])
})
