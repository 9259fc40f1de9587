import assert from "node:assert/strict"
import test from "node:test"
import { decodeSet } from "../../pages/components/clip_map/codec.js"
import { Selection } from "../../pages/components/clip_map/selection.js"
import { clips, connect, mask, N, notebook, positions, set } from "./map_parts.mjs"

/** A selection on six clips, of which 0 and 1 have label 0 and 2 has label 1. */
function select(t, data = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { link, run, acts } = connect(data)
  const loader = { clips: clips() }
  loader.clips.apply({ revision: 1, n: N, labels: [[0, "zero", "#e69f00"], [1, "one", "#56b4e9"]], changes: [[0, set(0, 1)], [1, set(2)]] })
  const toolbar = notebook("showCount", "showCatch"), renderer = notebook("redraw"), others = notebook("silence", "leave", "hear")
  const near = px => (px < N ? [px] : [])
  const selection = new Selection({ link, loader, viewport: { near }, renderer, toolbar }, { op: () => "new", pans: () => false, ...others })
  selection.open(loader.clips)
  return {
    selection, clips: loader.clips, loader, run, acts, toolbar, others,
    box: (op, west, east) => selection.enclose({ op, kind: "select", points: [[west - 0.5, -1], [east + 0.5, 1]] }),
    selected: () => positions(loader.clips.selected),
  }
}

const HOW = [["new", [2, 3, 4]], ["add", [0, 1, 2, 3, 4]], ["and", [2]], ["minus", [0, 1]]]

for (const [op, without] of HOW) {
  test(`a lasso that works as "${op}" after another: without a filter`, t => {
    const { box, selected, acts } = select(t)
    box("new", 0, 2)
    box(op, 2, 4)

    assert.deepEqual(selected(), without)
    assert.deepEqual(acts().map(({ kind, how, op, n }) => [kind, how, op, n]), [["selection", "box", op, without.length]])
  })

  test(`a lasso that works as "${op}" after another: a filter hides clip 2, and the filter goes again`, t => {
    const { box, selected, selection, clips, acts } = select(t)
    box("new", 0, 2)
    selection.filter(() => clips.label.toggle(1))
    box(op, 2, 4)
    const under = selected(), [{ set: told, kept }] = acts()
    assert.deepEqual(under, without.filter(clip => clip !== 2))
    assert.deepEqual(positions(decodeSet(told, N)), under)
    selection.filter(() => clips.label.toggle(1))

    // hidden clips are not chosen anew: 2 stays as it was chosen before; what is not in a "keep" goes
    const after = { new: [3, 4], add: [0, 1, 2, 3, 4], and: [], minus: [0, 1, 2] }[op]
    assert.deepEqual(selected(), after)
    assert.deepEqual(kept && positions(decodeSet(kept, N)), op === "new" || op === "and" ? null : after)
  })
}

test("Python hears of filters once, a little after the last change, and of nothing when they are back as they were", t => {
  const { box, selection, clips, acts } = select(t)
  box("new", 0, 2)
  selection.filter(() => clips.label.toggle(1))
  t.mock.timers.tick(319)
  assert.deepEqual(acts().map(({ how }) => how), ["box"])
  selection.filter(() => clips.label.toggle(1))
  t.mock.timers.tick(1000)
  assert.deepEqual(acts().map(({ how }) => how), ["box"])
  selection.filter(() => clips.label.toggle(1))
  t.mock.timers.tick(320)

  assert.deepEqual(acts().map(({ how, n }) => [how, n]), [["box", 3], ["filter", 2]])
})

test("the second click of a double-click starts from what was before the first", t => {
  const { selection, clips, selected, box } = select(t)
  box("new", 0, 5)
  const doubleClick = () => {
    selection.legendAct(clips.label, 0, "toggle", { detail: 1 })
    selection.legendAct(clips.label, 0, "isolate", { detail: 2 })
  }
  doubleClick()
  assert.deepEqual([selected(), clips.label.only], [[0, 1], 0])
  doubleClick() // it was shown alone: now all are

  assert.deepEqual([selected(), clips.label.only], [[0, 1, 2, 3, 4, 5], null])
})

test("a click selects one clip, which is in focus and heard; with Shift it adds or takes away; beside the points only two clicks clear", t => {
  const { selection, selected, others, acts } = select(t)
  selection.click(1, 0, { op: "new" })
  assert.deepEqual([selected(), selection.focus], [[1], 1])
  selection.click(4, 0, { op: "add", toggles: true })
  assert.deepEqual(selected(), [1, 4])
  selection.click(4, 0, { op: "add", toggles: true })
  assert.deepEqual([selected(), selection.focus], [[1], null])
  selection.click(99, 0, { op: "new", twice: false })
  assert.deepEqual(selected(), [1])
  selection.click(99, 0, { op: "new", twice: true })

  assert.deepEqual(selected(), [])
  assert.deepEqual(others.calls.filter(([name]) => name === "hear"), [["hear", 1], ["hear", 4], ["hear", 4]])
  assert.equal(acts().at(-1).how, "clear")
})

test("the outline is that of the last lasso, and goes with any other selection", t => {
  const { selection, box, clips } = select(t)
  box("new", 0, 2)
  assert.deepEqual(selection.outline, [[-0.5, -1], [2.5, -1], [2.5, 1], [-0.5, 1]])
  selection.legendAct(clips.label, 0, "select")

  assert.equal(selection.outline, null)
})

test("while a lasso is drawn its clips are counted, and nothing is selected or said", t => {
  const { selection, selected, toolbar, acts } = select(t)
  selection.count({ op: "new", kind: "lasso", points: [[-0.5, -1], [3.5, -1], [3.5, 1], [-0.5, 1]] })

  assert.deepEqual([toolbar.calls, selected(), acts()], [[["showCatch", 4, "in the lasso", false]], [], []])
})

test("a selection of Python's is taken over once, and the filters of the map have the last word", t => {
  const { selection, selected, clips, run, acts } = select(t)
  clips.change(() => clips.label.toggle(1))
  run({ select: { id: "hits 1", set: set(1, 2, 3), chosen: null, how: "replace" }, count: 3 })
  selection.obey({ fresh: false })
  assert.deepEqual(selected(), [1, 3])
  assert.deepEqual(acts().map(({ how, n }) => [how, n]), [["filter", 2]])
  selection.clear()
  selection.obey({ fresh: false })

  assert.deepEqual(selected(), [])
})

test("a map that comes new where Python knows of a selection asks for it, once", t => {
  const { selection, acts } = select(t, { count: 3 })
  selection.obey({ fresh: true })
  selection.obey({ fresh: false })

  assert.deepEqual(acts(), [{ kind: "lost" }])
})

test("the clip in focus that leaves the selection is in focus no longer, unless a filter hides one that was never in it", t => {
  const { selection, clips, box } = select(t)
  box("new", 0, 3)
  selection.setFocus(2)
  selection.filter(() => clips.label.toggle(1))
  selection.reportChange()
  assert.equal(selection.focus, null)
  selection.setFocus(5)
  selection.filter(() => clips.label.toggle(0))
  selection.reportChange()
  assert.equal(selection.focus, 5)
  selection.paint(mask(3), "new")

  assert.equal(selection.focus, null)
})
