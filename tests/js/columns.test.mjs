import assert from "node:assert/strict"
import test from "node:test"
import { Columns } from "../../pages/components/clip_map/columns.js"
import { clips, connect, N, notebook, set } from "./map_parts.mjs"

const settle = () => new Promise(done => setImmediate(done))
const LIST = [{ key: "duration", title: "duration", kind: "numeric" }, { key: "table:site", title: "site", kind: "categorical" }]

/** A numeric column of `values` as the server sends it. */
function numeric(values) {
  const text = JSON.stringify({ kind: "numeric", min: Math.min(...values), max: Math.max(...values) }).padEnd(60)
  const bytes = new Uint8Array(4 + 60 + 4 * values.length)
  new DataView(bytes.buffer).setUint32(0, 60, true)
  bytes.set(new TextEncoder().encode(text), 4)
  new Float32Array(bytes.buffer, 64).set(values)
  return bytes.buffer
}

/** Columns of six clips before a server by hand, which has one column for each of `sent`, in order; a number is an HTTP status. */
async function offer(t, ...sent) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const asked = []
  t.mock.method(globalThis, "fetch", async address => {
    asked.push(new URL(address).pathname)
    if (asked.at(-1) === "/columns/1") return { ok: true, json: async () => LIST }
    const next = sent.shift()
    return typeof next === "number" ? { ok: false, status: next } : { ok: true, arrayBuffer: async () => numeric(next) }
  })
  const { link, run } = connect()
  const loader = { clips: clips() }, gone = new AbortController(), problem = notebook("show", "hide"), renderer = notebook("redraw"), toolbar = notebook("showAxes")
  const selection = { filter: change => loader.clips.change(change) }, busy = notebook("busy")
  const columns = new Columns({ link, loader, selection, renderer, toolbar, problem, signal: gone.signal }, busy)
  t.after(() => { gone.abort(); columns.close() })
  columns.updateAxes(null)
  columns.open(columns.axes)
  columns.obey()
  return { columns, run, asked, loader, problem, toolbar, clips: loader.clips, async wait(ms) { t.mock.timers.tick(ms); await settle() } }
}

test("the list of columns is asked for after the first painting, or when somebody comes near it, once", async t => {
  const { columns, asked, wait } = await offer(t)
  await wait(1499)
  assert.deepEqual(asked, [])
  columns.loadList()
  await wait(1)

  assert.deepEqual(asked, ["/columns/1"])
  assert.deepEqual(columns.choices.map(({ key }) => key), ["duration", "table:site"])
})

test("numeric columns can be axes; those drawn have a scale", async t => {
  const { columns, toolbar, wait, run } = await offer(t)
  await wait(1500)
  assert.deepEqual(toolbar.calls.at(-1)[1].map(({ key }) => key), ["0", "1", "c:duration"])
  columns.setAxes({ x: "c:duration", y: "1" })
  columns.open(columns.axes)

  assert.deepEqual([columns.titles, columns.scales], [{ x: "duration", y: "second" }, { x: "duration", y: null }])
  columns.updateAxes(run({ map: "map/8?clips=6" }))
  assert.deepEqual(columns.axes, { x: "0", y: "1" }) // another map has axes of its own
})

test("a column is fetched when somebody colours by it, and not again to filter by it", async t => {
  const { columns, asked, wait } = await offer(t, [1, 2, 3, 4, 5, 6])
  await wait(1500)
  await columns.colourBy("duration")
  await columns.filterBy("duration")

  assert.deepEqual(asked, ["/columns/1", "/column/1/duration"])
  assert.equal(columns.facet.key, "duration")
  assert.equal(columns.fact(2), "duration: 3")
  assert.deepEqual(columns.rows.map(({ key }) => key), ["duration"])
})

test("a column that cannot be fetched leaves the colours as they were, and says why", async t => {
  const { columns, problem, wait } = await offer(t, 503)
  await wait(1500)
  await columns.colourBy("duration")

  assert.equal(columns.facet.key, "label")
  assert.deepEqual(problem.calls.map(([, sentence]) => sentence), ["That column could not be loaded: HTTP 503."])
})

test("a column that follows labels is fetched again a little after the last label, once", async t => {
  const { columns, asked, wait } = await offer(t, [1, 2, 3, 4, 5, 6], [2, 2, 2, 2, 2, 9])
  await wait(1500)
  columns.followLabels() // no such column is in use
  await columns.colourBy("duration")
  columns.followLabels()
  await wait(399)
  columns.followLabels()
  await wait(400)

  assert.equal(asked.length, 3)
  assert.equal(columns.fact(5), "duration: 9")
})

test("a filter that is taken away lets everything through again", async t => {
  const { columns, clips, wait } = await offer(t, [1, 2, 3, 4, 5, 6])
  await wait(1500)
  await columns.filterBy("duration")
  clips.change(() => clips.facets.get("duration").between(3, 4))
  assert.deepEqual([...clips.shown], [0, 0, 1, 1, 0, 0])
  columns.dropFilter("duration")

  assert.deepEqual([[...clips.shown], columns.rows], [[1, 1, 1, 1, 1, 1], []])
})

test("the hits of a search are facets while there are any, and the colours go back to the labels with them", async t => {
  const { columns, run, clips } = await offer(t)
  run({ ring: { set: set(1, 4), scores: [0.5, 0.25] } })
  columns.obey()
  assert.deepEqual([[...columns.ring], columns.choices.map(({ key }) => key)], [[0, 1, 0, 0, 1, 0], ["hits", "score"]])
  await columns.colourBy("score")
  assert.equal(columns.fact(4), "search score: 0.25")
  clips.change(() => clips.facets.get("hits").isolate(1))
  run({ ring: null })
  columns.obey()

  assert.deepEqual([columns.ring, columns.choices, columns.by], [null, [], "label"])
  assert.deepEqual([...clips.shown], Array(N).fill(1))
})

test("another dataset has other columns", async t => {
  const { columns, wait } = await offer(t, [1, 2, 3, 4, 5, 6])
  await wait(1500)
  await columns.colourBy("duration")
  columns.forget()

  assert.deepEqual([columns.by, columns.choices], ["label", []])
})
