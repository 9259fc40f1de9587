import assert from "node:assert/strict"
import test from "node:test"
import { fillColours, fillRanks, legendOf, rampColour, strengthsOf } from "../../pages/components/clip_map/colours.js"
import { brief, decodeColumn, facetsOfHits } from "../../pages/components/clip_map/facets.js"

const THEME = { ground: [255, 255, 255], ink: [20, 20, 20], grey: [150, 150, 150], accent: "#000" }

/** The bytes of a column as the server makes them. */
function bytes(header, ...arrays) {
  let text = JSON.stringify(header)
  text += " ".repeat((4 - text.length % 4) % 4)
  const parts = [Uint32Array.of(text.length), new TextEncoder().encode(text), ...arrays].map(part => Buffer.from(part.buffer, part.byteOffset, part.byteLength))
  const joined = Buffer.concat(parts)
  return joined.buffer.slice(joined.byteOffset, joined.byteOffset + joined.byteLength)
}

const numeric = () => decodeColumn(bytes({ kind: "numeric", min: 0, max: 10 }, Float32Array.of(0, 5, NaN)), "snr", "SNR", 3)
const words = () => decodeColumn(bytes({ kind: "categorical", n: 3, names: ["low", "high"], colours: ["#e69f00"], opacity: true }, Uint16Array.of(0, 1, 65535, 0), Uint8Array.of(255, 100, 0)), "predicted", "predicted", 3)

test("a numeric column comes as numbers, and a missing one is none", () => {
  const facet = numeric()

  assert.deepEqual([facet.kind, facet.min, facet.max, ...facet.values], ["numeric", 0, 10, 0, 5, NaN])
  assert.deepEqual([0, 1, 2].map(clip => facet.text(clip)), ["0", "5", "none"])
})

test("a categorical column comes with names, colours that begin again, and confidence behind the padding", () => {
  const facet = words()

  assert.deepEqual([...facet.codes], [0, 1, 65535])
  assert.deepEqual([...facet.entries.values()].map(({ colour }) => colour), ["#e69f00", "#e69f00"])
  assert.deepEqual([...facet.confidence], [255, 100, 0])
  assert.deepEqual([0, 1, 2].map(clip => facet.text(clip)), ["low", "high (39 %)", "none"])
})

test("clips that were added after a column was read have no value in it", () => {
  const facet = decodeColumn(bytes({ kind: "numeric", min: 0, max: 1 }, Float32Array.of(1)), "a", "a", 2)

  assert.deepEqual([...facet.values], [1, NaN])
})

test("bytes that are no column are refused", () => {
  assert.throws(() => decodeColumn(new ArrayBuffer(2), "a", "a", 1), /not even a header/)
  assert.throws(() => decodeColumn(Uint32Array.of(4000, 0).buffer, "a", "a", 1), /claims 4000/)
})

test("numbers are coloured along the ramp, a missing one grey and beneath", () => {
  const facet = numeric(), colours = new Uint32Array(3), ranks = new Uint8Array(3)
  fillColours(colours, facet, THEME)
  fillRanks(ranks, { n: 3, shown: [1, 1, 1], selected: [0, 1, 0] }, facet)

  const packed = ([r, g, b]) => b << 16 | g << 8 | r
  assert.deepEqual([...colours], [packed(rampColour(0, false)), packed(rampColour(127 / 255, false)), packed(THEME.grey)])
  assert.deepEqual([...ranks], [2, 4, 1])
})

test("the ramp rises in lightness all the way, on light and on dark", () => {
  const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b
  for (const dark of [false, true]) {
    const steps = Array.from({ length: 50 }, (_, step) => light(rampColour(step / 49, dark)))
    assert.ok(steps.every((value, at) => !at || value > steps[at - 1]))
  }
})

test("what is less sure is drawn fainter, and nothing is drawn not at all", () => {
  assert.deepEqual([...strengthsOf(words())], [8, 4, 1])
  assert.equal(strengthsOf(numeric()), null)
})

test("a legend leaves out what no clip has, unless it is hidden", () => {
  const facet = words()
  assert.deepEqual(legendOf(facet, new Map([[0, 2], [1, 0], [65535, 0]]), THEME).map(({ name }) => name), ["low"])
  facet.toggle(1)

  assert.deepEqual(legendOf(facet, new Map([[0, 2], [1, 0], [65535, 0]]), THEME).map(({ name, on }) => [name, on]), [["low", true], ["high", false]])
})

test("a value that is shown alone stays in the legend when no clip has it any more, and no empty one comes beside it", () => {
  const facet = words(), seen = counts => legendOf(facet, new Map(counts), THEME).map(({ name, on }) => [name, on])
  facet.isolate(65535)
  assert.deepEqual(seen([[0, 3], [1, 0], [65535, 0]]), [["low", false], ["none", true]])

  facet.isolate(0)
  assert.deepEqual(seen([[0, 0], [1, 3], [65535, 0]]), [["high", false], ["low", true]])
})

test("hits are a facet of two values, and their scores one of numbers", () => {
  const [hits, score] = facetsOfHits(Uint8Array.of(0, 1, 0, 1), [0.5, 0.75])

  assert.deepEqual([0, 1].map(clip => hits.text(clip)), ["no hit", "hit"])
  assert.deepEqual([score.min, score.max, ...score.values], [0.5, 0.75, NaN, 0.5, NaN, 0.75])
  assert.equal(facetsOfHits(Uint8Array.of(1), null).length, 1)
})

test("numbers are told in few digits", () => {
  assert.deepEqual([0.123456, 1234.56, 1234567, 0.00001234, 0].map(brief), ["0.1235", "1235", "1.2e+6", "1.2e-5", "0"])
})
