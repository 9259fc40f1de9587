import assert from "node:assert/strict"
import test from "node:test"
import { decodeBase, decodeSet, eachOf, encodeSet, siteRoot } from "../../pages/components/clip_map/codec.js"
import { base } from "./base.mjs"

const mask = (n, ...positions) => {
  const made = new Uint8Array(n)
  for (const position of positions) made[position] = 1
  return made
}

const listed = (encoded, n) => {
  const positions = []
  eachOf(encoded, n, position => positions.push(position))
  return positions
}

test("a sparse set travels as gaps", () => {
  assert.equal(encodeSet(mask(1000, 3, 5, 400)), Buffer.from([0, 3, 2, 0x8b, 0x03]).toString("base64"))
})

test("a dense set travels as bits", () => {
  assert.equal(encodeSet(mask(1000, 0, 1, 2, 3, 9)), Buffer.from([1, 0b1111, 0b10]).toString("base64"))
})

test("the empty set is one byte", () => {
  assert.equal(encodeSet(new Uint8Array(5)), "AA==")
  assert.deepEqual(listed("AA==", 5), [])
})

test("every set comes back, whichever form is shorter", () => {
  let seed = 1
  const random = () => (seed = seed * 48271 % 2147483647) / 2147483647
  for (const share of [0, 0.0001, 0.01, 0.1, 0.5, 1]) {
    const made = Uint8Array.from({ length: 70000 }, () => random() < share ? 1 : 0)

    assert.deepEqual(decodeSet(encodeSet(made), made.length), made)
  }
})

test("a set of a million clips never takes more than one bit for each", () => {
  const odd = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 2)

  assert.equal(encodeSet(odd).length, Math.ceil(125_001 / 3) * 4)
})

test("positions beyond the map are left out", () => {
  assert.deepEqual(listed(encodeSet(mask(100, 4, 99)), 10), [4])
  assert.deepEqual(listed(encodeSet(mask(100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)), 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test("a set of an unknown form is refused", () => {
  assert.throws(() => listed("Ag==", 5), /byte 2, neither/)
})

test("a base gives places and the coordinate of every step", () => {
  const { n, missing, places, xs, ys } = decodeBase(base({ n: 2, x0: -1, x1: 3, y0: 0.1, y1: 0.7, missing: 1 }, [0, 65534, 65535, 65535]))

  assert.deepEqual([n, missing, [...places]], [2, 1, [0, 65534, 65535, 65535]])
  assert.deepEqual([xs[0], xs[65534], ys[12345]], [-1, 3, 0.1 + 12345 / 65534 * (0.7 - 0.1)])
})

test("a base that was cut off is refused", () => {
  const whole = base({ n: 2, x0: 0, x1: 1, y0: 0, y1: 1, missing: 0 }, [1, 2, 3, 4])

  assert.throws(() => decodeBase(whole.slice(0, whole.byteLength - 4)), /not 4 × 2/)
  assert.throws(() => decodeBase(whole.slice(0, 20)), /header claims/)
  assert.throws(() => decodeBase(new ArrayBuffer(0)), /not even a header/)
})

test("the app's root is where Streamlit's script comes from, below any path", () => {
  const page = { querySelector: () => ({ src: "https://host/~/+/static/js/index.Ab1.js" }) }

  assert.equal(siteRoot(page), "https://host/~/+/")
})

test("without Streamlit's script the root is the folder of the page", () => {
  assert.equal(siteRoot({ querySelector: () => null, location: { href: "https://host/app/label?x=1" } }), "https://host/app/")
})
