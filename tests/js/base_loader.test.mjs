import assert from "node:assert/strict"
import test from "node:test"
import { BaseLoader } from "../../pages/components/clip_map/base_loader.js"
import { GestureLock } from "../../pages/components/clip_map/gesture_lock.js"
import { base } from "./base.mjs"
import { connect, notebook } from "./map_parts.mjs"

const settle = () => new Promise(done => setImmediate(done))
const bytes = n => base({ n, x0: 0, x1: 1, y0: 0, y1: 1, missing: 0 }, Array.from({ length: 2 * n }, () => 0))

/** A loader before a server by hand: `answers` in order, a number of clips, an HTTP status from 400 on, or a promise of either. */
function serve(t, ...answers) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const asked = []
  t.mock.method(globalThis, "fetch", async (address, { signal }) => {
    asked.push(String(address))
    const answer = await answers.shift()
    signal.throwIfAborted()
    return answer >= 400 ? { ok: false, status: answer } : { ok: true, arrayBuffer: async () => bytes(answer) }
  })
  const { link, run, acts: said } = connect()
  const axes = { x: "0", y: "1" }, problem = notebook("show", "hide"), lock = new GestureLock(), gone = new AbortController()
  const acts = notebook("busy", "open", "draw")
  const loader = new BaseLoader({ link, lock, problem, signal: gone.signal }, { ...acts, axes: () => axes, bundle: async () => "Plotly", style: async () => {} })
  t.after(() => { gone.abort(); loader.close() })
  return { loader, run, said, axes, problem, lock, asked, names: () => acts.calls.map(([name]) => name), calls: acts.calls, shown: () => problem.calls.filter(([name]) => name === "show").map(([, sentence]) => sentence) }
}

test("a map is loaded, then its axes are drawn", async t => {
  const { loader, names, calls, asked } = serve(t, 3)
  await loader.load()

  assert.deepEqual(asked, ["http://app/map/7?clips=6"])
  assert.deepEqual(names(), ["busy", "open", "draw", "busy"])
  assert.equal(calls[1][1], loader.clips)
  assert.deepEqual([loader.clips.n, loader.shownMap], [3, loader.loadingMap])
})

test("other axes are asked for by their keys", async t => {
  const { loader, axes, asked, calls } = serve(t, 3)
  Object.assign(axes, { x: "2", y: "c:table:dB" })
  await loader.load()

  assert.deepEqual(asked, ["http://app/map/7?clips=6&x=2&y=c%3Atable%3AdB"])
  assert.deepEqual(calls[1][3], { x: "2", y: "c:table:dB" })
})

test("a longer map keeps what is known of its clips", async t => {
  const { loader } = serve(t, 3, 5)
  await loader.load()
  loader.clips.choose("new", Uint8Array.of(1, 0, 1))
  await loader.load()

  assert.deepEqual([...loader.clips.selected], [1, 0, 1, 0, 0])
})

test("a map that is not there any more is told to Python and asked for once more; then a person is told", async t => {
  const { loader, said, asked, shown } = serve(t, 404, 404)
  await loader.load()
  assert.deepEqual([said(), shown()], [[{ kind: "gone" }], []])
  t.mock.timers.tick(2500)
  await settle()

  assert.equal(asked.length, 2)
  assert.deepEqual(shown(), ["The map could not be loaded: HTTP 404."])
})

test("a run that brings the new address of such a map makes the second question needless", async t => {
  const { loader, run, asked, shown } = serve(t, 404, 3)
  await loader.load()
  run({ map: "map/8?clips=6" })
  await loader.load()
  t.mock.timers.tick(2500)
  await settle()

  assert.deepEqual(asked, ["http://app/map/7?clips=6", "http://app/map/8?clips=6"])
  assert.deepEqual(shown(), [])
})

test("of two loads the first is given up, also when its answer comes last", async t => {
  let answer
  const { loader, axes, names } = serve(t, new Promise(done => { answer = done }), 3)
  const first = loader.load()
  axes.x = "2"
  await loader.load()
  answer(5)
  await first

  assert.equal(loader.clips.n, 3)
  assert.deepEqual(names().filter(name => name === "open"), ["open"])
})

test("no map is exchanged under a hand", async t => {
  const { loader, lock, names } = serve(t, 3)
  lock.down()
  const load = loader.load()
  await settle()
  assert.deepEqual(names(), ["busy"])
  lock.up()
  t.mock.timers.tick(150)
  await load

  assert.deepEqual(names(), ["busy", "open", "draw", "busy"])
})

test("a map that is no map says so, and can be tried again", async t => {
  const { loader, problem, shown } = serve(t, 500, 500, 3)
  await loader.load()
  await loader.load()
  assert.deepEqual(shown(), ["The map could not be loaded: HTTP 500."])
  const [, , word, again] = problem.calls.find(([name]) => name === "show")
  assert.equal(word, "Try again")
  again()
  await settle()

  assert.equal(loader.clips.n, 3)
})
