import assert from "node:assert/strict"
import test from "node:test"
import { Outbox } from "../../pages/components/elements/outbox.js"

/** An element whose triggers can be read: what each carried, without its numbers. */
function element() {
  const sent = []
  return { sent, setTriggerValue: (_, text) => sent.push(JSON.parse(text)), acts: () => sent.map(({ acts }) => acts.map(([, act]) => act)) }
}

test("what Python has not heard yet is said again with the next", () => {
  const to = element(), outbox = new Outbox()
  outbox.say(to, "a lasso")
  outbox.say(to, "key 1")

  assert.deepEqual(to.acts(), [["a lasso"], ["a lasso", "key 1"]])
})

test("what was heard is not said again", () => {
  const to = element(), outbox = new Outbox()
  outbox.say(to, "a lasso")
  outbox.acknowledge(to, [outbox.from, 1])
  outbox.say(to, "key 1")

  assert.deepEqual(to.acts(), [["a lasso"], ["key 1"]])
})

test("what another page was told does not count", () => {
  const to = element(), outbox = new Outbox()
  outbox.say(to, "a lasso")
  outbox.acknowledge(to, ["another page", 7])
  outbox.say(to, "key 1")

  assert.deepEqual(to.acts()[1], ["a lasso", "key 1"])
})

test("an act replaces the same kind of act before it, but not across another", () => {
  const to = element(), outbox = new Outbox(), lasso = act => act.startsWith("lasso")
  outbox.say(to, "lasso 1", lasso)
  outbox.say(to, "lasso 2", lasso)
  outbox.say(to, "key 1")
  outbox.say(to, "lasso 3", lasso)

  assert.deepEqual(to.acts().at(-1), ["lasso 2", "key 1", "lasso 3"])
})

test("what a run has not acknowledged for long is said once more", t => {
  t.mock.timers.enable({ apis: ["Date"] })
  const to = element(), outbox = new Outbox()
  outbox.say(to, "a lasso")
  outbox.acknowledge(to, null)
  assert.equal(to.sent.length, 1)
  t.mock.timers.tick(2100)
  outbox.acknowledge(to, null)

  assert.deepEqual(to.acts(), [["a lasso"], ["a lasso"]])
})
