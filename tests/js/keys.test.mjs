import assert from "node:assert/strict"
import test from "node:test"
import { Keys } from "../../pages/components/clip_map/keys.js"
import { Selection } from "../../pages/components/clip_map/selection.js"
import { clips, connect, mask, N, notebook, positions, set } from "./map_parts.mjs"

/** The keys of a map of six clips with the labels zero (key 1) and one (key 2); `chosen` are selected. */
function keyboard(t, { chosen = [1, 4], data = {}, playing = null } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { link, acts } = connect({ keys: [0, 1], offer: { code: 1, name: "one", colour: "#56b4e9" }, ...data })
  const loader = { clips: clips() }
  loader.clips.apply({ revision: 1, n: N, labels: [[0, "zero", "#e69f00"], [1, "one", "#56b4e9"]], changes: [[0, set(0)]] })
  const montage = Object.assign(notebook("start", "stop"), { clip: null }), hover = Object.assign(notebook("play", "leave"), { clip: null })
  const live = notebook("promise", "expect"), viewport = notebook("showSelection"), sheet = { hidden: true }
  const selection = new Selection({ link, loader, viewport, renderer: notebook("redraw"), toolbar: notebook("showCount", "showCatch") }, { op: () => "new", pans: () => false, ...notebook("silence", "leave", "hear") })
  selection.open(loader.clips)
  if (chosen.length) selection.paint(mask(...chosen), "new")
  const keys = new Keys({ link, loader, viewport, selection, live, hover, montage, sheet }, () => playing)
  return { keys, selection, loader, live, hover, montage, sheet, viewport, acts: () => acts().filter(({ kind }) => kind !== "selection"), selected: () => positions(loader.clips.selected) }
}

const COMMANDS = [["0", { kind: "clear labels" }, true], ["u", { kind: "undo" }, false], ["g", { kind: "grow" }, true], ["m", { kind: "map only" }, true], ["Enter", { kind: "label chosen" }, true], ["1", { kind: "label", index: 0 }, false]]

for (const [key, act, needsSelection] of COMMANDS) {
  test(`${key} says “${act.kind}” to Python, and the journal is asked for what comes of it`, t => {
    const { keys, acts, live } = keyboard(t)

    assert.equal(keys.press(key), true)
    assert.deepEqual(acts(), [act])
    assert.deepEqual(live.calls.filter(([name]) => name === "expect"), [["expect"]])
  })

  if (needsSelection) {
    test(`${key} means nothing while nothing is selected`, t => {
      const { keys, acts } = keyboard(t, { chosen: [] })

      assert.equal(keys.press(key), false)
      assert.deepEqual(acts(), [])
    })
  }
}

test("a digit and Enter show their label before it is written", t => {
  const { keys, live, loader } = keyboard(t)
  keys.press("1")
  keys.press("Enter")

  assert.deepEqual(live.calls.filter(([name]) => name === "promise"), [["promise", 0, loader.clips.labels.get(0)], ["promise", 1, { code: 1, name: "one", colour: "#56b4e9" }]])
})

test("a digit without a label, and a key that is none of ours, mean nothing", t => {
  const { keys, acts } = keyboard(t)

  assert.deepEqual(["3", "9", "x", "Tab", "F1"].map(key => keys.press(key)), [false, false, false, false, false])
  assert.deepEqual(acts(), [])
})

test("b goes one map up where there is one", t => {
  assert.equal(keyboard(t).keys.press("b"), false)
  t.mock.timers.reset()
  const { keys, acts } = keyboard(t, { data: { part: true } })

  assert.equal(keys.press("b"), true)
  assert.deepEqual(acts(), [{ kind: "map back" }])
})

test("a key right after a filter means what the filter leaves", t => {
  const { keys, selection, loader } = keyboard(t, { chosen: [0, 1] })
  const said = []
  selection.link.say = act => said.push([act.kind, act.n])
  selection.filter(() => loader.clips.label.toggle(0))
  keys.press("g")

  assert.deepEqual(said, [["selection", 1], ["grow", undefined]])
})

test("Escape closes the help, then stops the montage, then clears the selection, then means nothing", t => {
  const { keys, sheet, montage, selected } = keyboard(t)
  keys.press("?")
  assert.equal(sheet.hidden, false)
  montage.clip = 1
  assert.equal(keys.press("Escape"), true)
  assert.deepEqual([sheet.hidden, montage.calls], [true, []])
  keys.press("Escape")
  assert.deepEqual([montage.calls, selected()], [[["stop"]], [1, 4]])
  montage.clip = null
  keys.press("Escape")

  assert.deepEqual(selected(), [])
  assert.equal(keys.press("Escape"), false)
})

test("arrows go through the selection and round: each clip is in focus and heard", t => {
  const { keys, hover, acts } = keyboard(t, { chosen: [1, 4] })
  for (const key of ["ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowUp"]) keys.press(key)

  assert.deepEqual(hover.calls.map(([, clip]) => clip), [1, 4, 1, 4, 1])
  assert.deepEqual(acts(), [{ kind: "focus", position: 1 }]) // of what Python has not heard yet only the last counts
})

test("Space stops what plays", t => {
  const audio = notebook("pause")
  const { keys, hover } = keyboard(t, { playing: audio })
  keys.press(" ")

  assert.deepEqual([audio.calls, hover.calls], [[["pause"]], []])
})

test("Space plays the clip in focus, else the selection, else the clip under the mouse, else means nothing", t => {
  const { keys, hover, montage, selection } = keyboard(t, { chosen: [1, 4] })
  selection.setFocus(4)
  keys.press(" ")
  assert.deepEqual(hover.calls, [["play", 4]])
  selection.setFocus(null)
  keys.press(" ")
  assert.deepEqual(montage.calls, [["start", [1, 4]]])
  selection.clear()
  assert.equal(keys.press(" "), false)
  hover.clip = 3
  keys.press(" ")

  assert.deepEqual(hover.calls, [["play", 4], ["play", 3]])
})

test("i inverts, z zooms to the selection", t => {
  const { keys, selected, viewport } = keyboard(t, { chosen: [1, 4] })
  keys.press("i")
  keys.press("z")

  assert.deepEqual([selected(), viewport.calls], [[0, 2, 3, 5], [["showSelection"]]])
})
