import assert from "node:assert/strict"
import test from "node:test"
import { Clips, UNLABELLED } from "../../pages/components/clip_map/clips.js"
import { Categories, NONE, Numbers } from "../../pages/components/clip_map/facets.js"
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

test("of a selection that Python imposes, filters let through what they show, and give back the rest", () => {
  const map = labelled()
  map.toggleSubset(1)

  map.impose(set(1, 2, 5)) // the last has no place, but is in the panel's list of hits
  assert.deepEqual([selected(map), map.count], [[2, 5], 2])
  assert.deepEqual(map.report(), { set: set(2, 5), kept: set(1, 2, 5), passes: set(0, 2, 4, 5) })
  map.toggleSubset(1)

  assert.deepEqual(map.report(), { set: set(1, 2, 5), kept: null, passes: null })
})

test("what Python adds and takes away holds also for what a filter hides, and leaves all else as it is", () => {
  const map = labelled()
  map.isolateLabel(UNLABELLED)
  map.choose("new", mask(3, 4))
  map.apply({ revision: 5, labels: [], changes: [[0, set(3)]], subsets: [] }) // labelled, and so hidden, but still selected

  map.impose(set(2, 3, 5), "change")
  assert.deepEqual(selected(map), [3, 5])
  map.isolateLabel(UNLABELLED)

  assert.deepEqual(selected(map), [2, 3, 5])
})

test("the map of a part holds back what is not on it, and an axis what has no value for it, until the whole map is back", () => {
  const all = { n: N, x0: 0, x1: 1, y0: 0, y1: 1, missing: 1 }, places = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 65535, 65535]
  const whole = labelled()
  whole.choose("new", mask(0, 1, 2))
  whole.impose(set(0, 1, 2, 5), "change")

  const part = new Clips(decodeBase(base({ ...all, part: true }, [0, 0, 65535, 65535, 2, 2, 65535, 65535, 65535, 65535, 65535, 65535])), whole)
  assert.deepEqual(part.report(), { set: set(0, 2), kept: set(0, 1, 2, 5), passes: set(0, 2) })
  const again = new Clips(decodeBase(base(all, places)), part)
  assert.deepEqual(again.report(), { set: set(0, 1, 2, 5), kept: null, passes: null })
  const axis = new Clips(decodeBase(base(all, [65535, 0, ...places.slice(2)])), again)

  assert.deepEqual(axis.report(), { set: set(1, 2, 5), kept: set(0, 1, 2, 5), passes: set(1, 2, 3, 4, 5) })
})

test("a label that arrives leaves the selection alone", () => {
  const map = labelled()
  map.isolateLabel(UNLABELLED)
  map.choose("new", mask(3, 4))

  map.apply({ revision: 5, labels: [], changes: [[0, set(3)]], subsets: [] })

  assert.deepEqual(selected(map), [3, 4])
})

test("what has a place on the map is counted: labels in the shown subsets, subsets always", () => {
  const map = labelled()
  assert.deepEqual([[...map.counts()], map.placed, map.drawn], [[[-1, 2], [0, 2], [1, 1]], 5, 5])
  map.toggleSubset(1)

  assert.deepEqual([...map.counts()], [[-1, 1], [0, 1], [1, 1]])
  assert.deepEqual([0, 1, 2, 3].map(subset => map.counts(map.subset).get(subset)), [3, 2, 0, 0])
  assert.deepEqual([map.placed, map.drawn], [5, 3])
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

const column = () => new Categories({ key: "site", title: "site", codes: Uint16Array.of(0, 0, 1, 1, NONE, 0), entries: new Map([[0, { name: "a" }], [1, { name: "b" }]]), none: NONE })
const numbers = () => new Numbers({ key: "length", title: "length", values: Float32Array.of(1, 2, 3, 4, NaN, 6), min: 1, max: 6 })

test("filters by columns are joint, and unticking each gives its clips back to the selection", () => {
  const map = labelled(), site = column(), length = numbers()
  map.take(site)
  map.take(length)
  map.choose("new", mask(0, 1, 2, 3, 4))

  map.change(() => site.toggle(1))
  assert.deepEqual(selected(map), [0, 1, 4])
  map.change(() => length.between(2, 6))
  assert.deepEqual(selected(map), [1])
  map.change(() => { site.on = false })
  assert.deepEqual(selected(map), [1, 2, 3])
  map.change(() => { length.on = false })
  assert.deepEqual(selected(map), [0, 1, 2, 3, 4])
  map.change(() => { length.on = true })
  assert.deepEqual(selected(map), [1, 2, 3])
})

test("an open end of a range lets everything through, a clip without a number only an open range", () => {
  const length = numbers()
  length.between(1, 6)
  assert.equal(length.set, false)
  length.between(1, 3)
  const passed = mask(0, 1, 2, 3, 4, 5)
  length.narrow(passed)

  assert.deepEqual([...passed], [1, 1, 1, 0, 0, 0])
})

test("newer values of a column keep its filter by name, and leave the selection alone", () => {
  const map = labelled(), site = column()
  map.take(site)
  map.change(() => site.isolate(1))
  map.choose("new", mask(2, 3))

  map.take(new Categories({ key: "site", title: "site", codes: Uint16Array.of(2, 2, 0, 2, 2, 2), entries: new Map([[0, { name: "new" }], [1, { name: "a" }], [2, { name: "b" }]]), none: NONE }))

  assert.deepEqual(selected(map), [2, 3])
  assert.deepEqual([...map.shown], [1, 1, 0, 1, 1, 0])
})

test("filters that were set can be brought back", () => {
  const map = labelled()
  map.toggleLabel(0)
  const back = map.standing()
  map.isolateLabel(1)
  map.change(back)

  assert.deepEqual([...map.shown], [0, 0, 1, 1, 1, 0])
})

test("a histogram counts numbers and leaves out what is none", () => {
  assert.deepEqual([...numbers().histogram(5)], [1, 1, 1, 1, 1])
})

test("a promised label is shown at once, and the journal that has it makes it true", () => {
  const map = labelled()
  map.choose("new", mask(3, 4))

  map.promise(1, map.labels.get(1))
  assert.deepEqual([...map.codes], [0, 0, 1, 1, 1, -1])
  assert.deepEqual([...map.written], [0, 0, 1, -1, -1, -1])
  assert.ok(map.apply({ revision: 5, n: N, changes: [[1, set(3, 4)]] }))

  assert.deepEqual([...map.codes], [0, 0, 1, 1, 1, -1])
  assert.equal(map.promised.length, 0)
})

test("labels of others come in beneath a promise, and what is not written is taken back whole", () => {
  const map = labelled()
  map.choose("new", mask(2, 3))
  const promise = map.promise(2, { name: "new", colour: "#123456" })
  assert.equal(map.labels.get(2).name, "new")

  map.apply({ revision: 5, n: N, labels: [[1, "one", "#56b4e9"]], changes: [[1, set(3, 4)]] })
  assert.deepEqual([...map.codes], [0, 0, 2, 2, 1, -1])

  assert.ok(map.break(promise))
  assert.deepEqual([...map.codes], [0, 0, 1, 1, 1, -1])
  assert.ok(!map.labels.has(2))
  assert.ok(!map.break(promise))
})

test("a promise ends with the revision that should have had it", () => {
  const map = labelled()
  map.choose("new", mask(4))
  map.promise(0, map.labels.get(0)).until = 6

  map.apply({ revision: 5, n: N })
  assert.equal(map.codes[4], 0)
  map.apply({ revision: 6, n: N })
  assert.equal(map.codes[4], UNLABELLED)
})

test("two promises follow each other, and clips that have the label already need none", () => {
  const map = labelled()
  map.choose("new", mask(0, 1))
  assert.equal(map.promise(0, map.labels.get(0)), null)
  const first = map.promise(1, map.labels.get(1))
  map.choose("new", mask(1, 4))
  map.promise(2, { name: "two", colour: "#123456" })
  assert.deepEqual([...map.codes], [1, 2, 1, -1, 2, -1])

  map.break(first)
  assert.deepEqual([...map.codes], [0, 2, 1, -1, 2, -1])
  map.apply({ revision: 5, n: N, labels: [[2, "two", "#009e73"]], changes: [[2, set(1, 4)]] })
  assert.deepEqual([...map.codes], [0, 2, 1, -1, 2, -1])
  assert.equal(map.labels.get(2).colour, "#009e73")
})
