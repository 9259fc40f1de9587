import assert from "node:assert/strict"
import test from "node:test"
import { LiveLabels } from "../../pages/components/clip_map/live_labels.js"
import { clips, connect, mask, N, notebook, set } from "./map_parts.mjs"

const ZERO = { code: 0, name: "zero", colour: "#e69f00", by: "label-button" }
const EMPTY = { n: N, labels: [[1, "one", "#56b4e9"]], changes: [], subsets: [] }
const settle = () => new Promise(done => setImmediate(done))

/** A button of the page, in what holds the button that labels, or elsewhere. */
const button = (place = ZERO.by) => ({ closest: selector => (selector === `.${place}` ? {} : null) })

/** Live labels on six clips, 0 and 1 selected, with a journal by hand: `write` is the next answer, `listen` lets time pass until it has been asked for. */
async function follow(t, data = {}, first = { revision: 1, reset: true, ...EMPTY }) {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false })
  globalThis.addEventListener = () => {}
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const answers = [first]
  let last = first
  t.mock.method(globalThis, "fetch", async () => {
    last = answers.shift() ?? { ...EMPTY, revision: last.revision, people: last.people }
    return { ok: true, json: async () => last }
  })
  const { link, run, acts } = connect({ offer: ZERO, ...data })
  const loader = { clips: clips(), loads: 0, async load() { this.loads++ } }
  loader.clips.choose("new", mask(0, 1))
  const renderer = notebook("redraw", "drawNow"), columns = notebook("followLabels"), toolbar = notebook("showLive"), gone = new AbortController()
  const hand = { busy: false }
  const live = new LiveLabels({ link, loader, renderer, columns, toolbar, signal: gone.signal }, { wouldDisturb: () => hand.busy })
  t.after(() => { gone.abort(); live.close() })
  live.open()
  await settle()
  return {
    live, loader, acts, toolbar, columns, hand, renderer,
    codes: () => [...loader.clips.codes],
    state: () => toolbar.calls.at(-1)[1],
    async write(journal) {
      answers.push({ ...EMPTY, ...journal })
      t.mock.timers.tick(1500)
      await settle()
    },
    async rerun(news) {
      const before = run(news)
      live.hear(before)
      await settle()
    },
    async wait(ms) {
      t.mock.timers.tick(ms)
      await settle()
    },
  }
}

const BARE = [-1, -1, -1, -1, -1, -1]

test("a label is shown when its button is clicked, and stays when the journal has it", async t => {
  const { live, codes, state, write, rerun } = await follow(t)
  live.clickButton(button())
  assert.deepEqual([codes(), state()], [[0, 0, -1, -1, -1, -1], "writing"])
  await settle()
  await write({ revision: 2, labels: [[0, "zero", "#e69f00"]], changes: [[0, set(0, 1)]] })
  assert.equal(state(), "live")
  await rerun({ attempts: 1, revision: 2 })

  assert.deepEqual(codes(), [0, 0, -1, -1, -1, -1])
})

test("a label that is refused goes when the run says that it was tried", async t => {
  const { live, codes, state, rerun } = await follow(t)
  live.clickButton(button())
  await settle()
  await rerun({ attempts: 0, revision: 1 }) // a run that came from something else
  assert.deepEqual(codes(), [0, 0, -1, -1, -1, -1])
  await rerun({ attempts: 1, revision: 1 })

  assert.deepEqual([codes(), state()], [BARE, "live"])
})

test("a journal that comes between a click and its refusal changes what lies beneath, not what was clicked; the refusal shows it", async t => {
  const { live, codes, write, rerun, loader } = await follow(t)
  live.clickButton(button())
  await settle()
  await write({ revision: 2, changes: [[1, set(0, 5)]] }) // somebody else's
  assert.deepEqual(codes(), [0, 0, -1, -1, -1, 1])
  await rerun({ attempts: 1, revision: 2 })

  assert.deepEqual(codes(), [1, -1, -1, -1, -1, 1])
  assert.equal(loader.clips.promised.length, 0)
})

test("a refusal waits for the journal to come to the run's revision: until then the label may be on its way", async t => {
  const { live, codes, write, rerun } = await follow(t)
  live.clickButton(button())
  await settle()
  await rerun({ attempts: 1, revision: 2 })
  assert.deepEqual(codes(), [0, 0, -1, -1, -1, -1])
  await write({ revision: 2, changes: [[1, set(5)]] })

  assert.deepEqual(codes(), [-1, -1, -1, -1, -1, 1])
})

test("of two clicks the first can be refused and the second be written", async t => {
  const { live, codes, write, rerun, loader } = await follow(t)
  live.clickButton(button())
  loader.clips.choose("new", mask(3))
  live.promise(1, { name: "one", colour: "#56b4e9" })
  await settle()
  assert.deepEqual(codes(), [0, 0, -1, 1, -1, -1])
  await rerun({ attempts: 1, revision: 1 })
  assert.deepEqual(codes(), [-1, -1, -1, 1, -1, -1])
  await write({ revision: 2, changes: [[1, set(3)]] })
  await rerun({ attempts: 2, revision: 2 })

  assert.deepEqual(codes(), [-1, -1, -1, 1, -1, -1])
})

test("a label of which nobody hears anything is taken off after 15 seconds", async t => {
  const { live, codes, wait } = await follow(t)
  live.clickButton(button())
  await wait(14999)
  assert.deepEqual(codes(), [0, 0, -1, -1, -1, -1])
  await wait(1)

  assert.deepEqual(codes(), BARE)
})

test("a button that labels nothing promises nothing, but the journal is asked at once", async t => {
  const { live, codes } = await follow(t)
  const before = fetch.mock.callCount()
  live.clickButton(button("sidebar"))
  await settle()

  assert.deepEqual([codes(), fetch.mock.callCount() - before], [BARE, 1])
})

test("a journal that comes before the clips is kept for them", async t => {
  const { live, loader, write, codes } = await follow(t)
  loader.clips = null
  await write({ revision: 2, changes: [[1, set(4)]] })
  loader.clips = clips()
  live.takeEarly()

  assert.deepEqual(codes(), [-1, -1, -1, -1, 1, -1])
})

test("a journal that names clips which the map has not loads the map again, once for each length", async t => {
  const { loader, write } = await follow(t)
  await write({ revision: 2, n: 8 })
  await write({ revision: 3, n: 8 })
  await write({ revision: 4, n: 9 })

  assert.equal(loader.loads, 2)
})

test("the page hears of other people's labels by one run, not under a hand, and not if a run has brought them", async t => {
  const { write, wait, acts, hand, rerun } = await follow(t, {}, { revision: 0, reset: true, ...EMPTY })
  hand.busy = true
  await write({ revision: 2, changes: [[1, set(4)]] })
  await wait(5000)
  assert.deepEqual(acts(), [])
  hand.busy = false
  await wait(2500)
  assert.deepEqual(acts(), [{ kind: "news" }])
  await rerun({ revision: 2 })
  await write({ revision: 3, changes: [[1, set(5)]] })
  await rerun({ revision: 3 })
  await wait(30000)

  assert.deepEqual(acts(), [{ kind: "news" }])
})

test("labels that have changed are drawn at once, and columns that follow labels are told", async t => {
  const { write, renderer, columns } = await follow(t)
  renderer.calls.length = columns.calls.length = 0
  await write({ revision: 2, changes: [[1, set(4)]] })
  await write({ revision: 2 })

  assert.deepEqual([renderer.calls, columns.calls], [[["redraw", "colours", "legend"], ["drawNow"]], [["followLabels"]]])
})
