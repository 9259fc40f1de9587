import assert from "node:assert/strict"
import test from "node:test"
import { JournalFeed } from "../../pages/components/clip_map/journal_feed.js"

/** A page and a server by hand: `answers` are given one after the other, a number being a status. */
function serve(t, ...answers) {
  const asked = []
  globalThis.document = Object.assign(new EventTarget(), { hidden: false })
  globalThis.addEventListener = () => {}
  t.mock.timers.enable({ apis: ["setTimeout"] })
  t.mock.method(globalThis, "fetch", async address => {
    asked.push(address.searchParams.get("after") + (address.searchParams.has("wait") ? " wait" : ""))
    const answer = answers.shift()
    return typeof answer === "number" ? { ok: false, status: answer } : { ok: true, json: async () => answer }
  })
  return asked
}

const settle = () => new Promise(done => setImmediate(done))

function follow() {
  const taken = [], told = []
  const feed = new JournalFeed("http://app/journal/1?embedding=2", journal => taken.push(journal.revision), state => told.push(state))
  return { feed, taken, told }
}

test("the first question is for everything, the next for what is newer", async t => {
  const asked = serve(t, { revision: 7 }, { revision: 8 })
  const { feed, taken } = follow()
  await settle()
  t.mock.timers.tick(1500)
  await settle()
  feed.close()

  assert.deepEqual([asked, taken], [["-1", "7"], [7, 8]])
})

test("news are fetched at once, what is known is not asked for again", async t => {
  const asked = serve(t, { revision: 7 }, { revision: 9 })
  const { feed } = follow()
  await settle()
  feed.hear(7)
  await settle()
  feed.hear(9)
  await settle()
  feed.close()

  assert.deepEqual(asked, ["-1", "7"])
})

test("a failing server is asked more and more rarely, and the person is told once", async t => {
  const asked = serve(t, { revision: 7 }, 500, 500, { revision: 7 })
  const { feed, told } = follow()
  await settle()
  t.mock.timers.tick(1500)
  await settle()
  t.mock.timers.tick(2999)
  await settle()
  assert.equal(asked.length, 2)
  t.mock.timers.tick(1)
  await settle()
  t.mock.timers.tick(6000)
  await settle()
  feed.close()

  assert.deepEqual(told, ["live", "offline", "live"])
})

test("who is signed out is told so", async t => {
  serve(t, 403)
  const { feed, told } = follow()
  await settle()
  feed.close()

  assert.deepEqual(told, ["refused"])
})

test("nobody looks, nobody asks", async t => {
  const asked = serve(t, { revision: 7 }, { revision: 8 })
  const { feed } = follow()
  await settle()
  document.hidden = true
  t.mock.timers.tick(60000)
  await settle()
  assert.equal(asked.length, 1)
  document.hidden = false
  document.dispatchEvent(new Event("visibilitychange"))
  await settle()
  feed.close()

  assert.equal(asked.length, 2)
})

test("a closed feed asks no more", async t => {
  const asked = serve(t, { revision: 7 })
  const { feed } = follow()
  await settle()
  feed.close()
  t.mock.timers.tick(60000)
  await settle()

  assert.equal(asked.length, 1)
})

test("for what was just done here the server is asked to answer when it is written", async t => {
  const asked = serve(t, { revision: 7 }, { revision: 8 }, { revision: 8 })
  const { feed, taken } = follow()
  await settle()
  feed.expect()
  await settle()
  t.mock.timers.tick(1500)
  await settle()
  feed.close()

  assert.deepEqual(asked, ["-1", "7 wait", "8"])
  assert.deepEqual(taken, [7, 8, 8])
})

test("news that the server never has are chased once", async t => {
  const asked = serve(t, { revision: 7 }, { revision: 7 }, { revision: 7 }, { revision: 7 })
  const { feed } = follow()
  await settle()
  feed.hear(9)
  await settle()
  feed.hear(9)
  await settle()
  feed.close()

  assert.ok(asked.length <= 3, `${asked.length} questions`)
})

test("the names of labels that are known are not asked for again, unless everything is", async t => {
  serve(t, { revision: 7, names: "2.ab" }, { revision: 8, names: "3.cd" }, { revision: 8, names: "3.cd" })
  const { feed } = follow()
  await settle()
  t.mock.timers.tick(1500)
  await settle()
  feed.restart(-1)
  await settle()
  feed.close()

  assert.deepEqual(fetch.mock.calls.map(({ arguments: [address] }) => address.searchParams.get("names")), [null, "2.ab", null])
})
