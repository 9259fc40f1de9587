import assert from "node:assert/strict"
import test from "node:test"
import { Clips, UNLABELLED } from "../../pages/components/clip_map/clips.js"
import { decodeBase, encodeSet } from "../../pages/components/clip_map/codec.js"
import { base } from "./base.mjs"

const N = 6

/** Six clips, the last without a place. */
function clips() {
  return new Clips(decodeBase(base({ n: N, x0: 0, x1: 1, y0: 0, y1: 1, missing: 1 }, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 65535, 65535])))
}

function mask(...positions) {
  const made = new Uint8Array(N)
  for (const position of positions) made[position] = 1
  return made
}

const set = (...positions) => encodeSet(mask(...positions))
const selected = map => [...map.selected.keys()].filter(clip => map.selected[clip])

function labelled() {
  const map = clips()
  map.apply({ revision: 4, n: N, reset: true, labels: [[0, "zero", "#e69f00"], [1, "<b>", "red; x"]], changes: [[0, set(0, 1)], [1, set(2)]], subsets: [[1, set(1, 3)]] })
  return map
}

test("a journal gives labels and subsets; other clips are unlabelled and raw", () => {
  const map = labelled()

  assert.deepEqual([...map.codes], [0, 0, 1, -1, -1, -1])
  assert.deepEqual([...map.subsets], [0, 1, 0, 1, 0, 0])
  assert.equal(map.revision, 4)
})

test("a colour that is no colour becomes grey", () => {
  assert.equal(labelled().labels.get(1).colour, "#888888")
})

test("a later journal changes only what it names", () => {
  const map = labelled()

  map.apply({ revision: 5, labels: [[2, "two", "#009e73"]], changes: [[2, set(0)], [UNLABELLED, set(2)]], subsets: [] })

  assert.deepEqual([...map.codes], [2, 0, -1, -1, -1, -1])
})

test("a journal without news draws nothing", () => {
  const map = labelled()

  assert.equal(map.apply({ revision: 4, labels: [[0, "zero", "#e69f00"]], changes: [], subsets: [] }), false)
})

test("a reset forgets what was known", () => {
  const map = labelled()

  map.apply({ revision: 9, reset: true, labels: [], changes: [], subsets: [] })

  assert.deepEqual([...map.codes], [-1, -1, -1, -1, -1, -1])
  assert.equal(map.labels.size, 0)
})

test("selections replace, add, intersect and take away", () => {
  const map = clips()
  const steps = [["new", mask(0, 1)], ["add", mask(2)], ["and", mask(1, 2, 3)], ["minus", mask(2)], ["new", mask(4)]]

  const seen = steps.map(([op, found]) => (map.choose(op, found), selected(map)))

  assert.deepEqual(seen, [[0, 1], [0, 1, 2], [1, 2], [1], [4]])
})

test("a filter restricts the selection and gives it back when it is taken off", () => {
  const map = labelled()
  map.choose("new", mask(0, 1, 2))

  map.toggleSubset(1)
  assert.deepEqual([selected(map), map.count], [[0, 2], 2])
  map.toggleLabel(1)
  assert.deepEqual(selected(map), [0])
  map.toggleSubset(1)
  map.toggleLabel(1)

  assert.deepEqual(selected(map), [0, 1, 2])
})

test("what a filter hides cannot be selected", () => {
  const map = labelled()
  map.toggleSubset(1)
  map.choose("new", mask(0, 1, 2, 3))
  map.toggleSubset(1)

  assert.deepEqual(selected(map), [0, 2])
})

test("one label is shown alone, and then all again", () => {
  const map = labelled()

  map.isolateLabel(0)
  assert.deepEqual([...map.shown], [1, 1, 0, 0, 0, 0])
  map.isolateLabel(0)

  assert.deepEqual([...map.shown], [1, 1, 1, 1, 1, 0])
})

test("inverting selects what is shown and was not selected", () => {
  const map = labelled()
  map.toggleLabel(1)
  map.choose("new", mask(0))
  map.invert()

  assert.deepEqual(selected(map), [1, 3, 4])
})

test("a selection imposed by the server holds whatever the filters say, also for a clip without a place", () => {
  const map = labelled()
  map.toggleSubset(1)

  map.impose(set(1, 5))

  assert.deepEqual([selected(map), map.count], [[1, 5], 2])
})

test("a label that arrives leaves the selection alone", () => {
  const map = labelled()
  map.isolateLabel(UNLABELLED)
  map.choose("new", mask(3, 4))

  map.apply({ revision: 5, labels: [], changes: [[0, set(3)]], subsets: [] })

  assert.deepEqual(selected(map), [3, 4])
})

test("labels are counted in the shown subsets, subsets always", () => {
  const map = labelled()
  map.toggleSubset(1)

  const { labels, subsets } = map.counts()

  assert.deepEqual([...labels], [[-1, 2], [0, 1], [1, 1]])
  assert.deepEqual(subsets, [4, 2, 0, 0])
})

test("another map of the same clips keeps labels, filters and selection, also when clips were added", () => {
  const before = labelled()
  before.choose("new", mask(0, 2))
  before.toggleLabel(1)

  const map = new Clips(decodeBase(base({ n: 7, x0: 0, x1: 1, y0: 0, y1: 1, missing: 0 }, Array(14).fill(3))), before)

  assert.deepEqual([...map.codes], [0, 0, 1, -1, -1, -1, -1])
  assert.deepEqual([...map.shown], [1, 1, 0, 1, 1, 1, 1])
  assert.deepEqual(selected(map), [0])
})
