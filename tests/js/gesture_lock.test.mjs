import assert from "node:assert/strict"
import test from "node:test"
import { GestureLock } from "../../pages/components/clip_map/gesture_lock.js"

function hand(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const hold = new GestureLock(), done = []
  return { hold, done, ask: (name, what = name) => hold.run(name, () => done.push(what)), wait: ms => t.mock.timers.tick(ms) }
}

test("while no hand is on the map nothing waits", t => {
  const { done, ask } = hand(t)
  ask("size")

  assert.deepEqual(done, ["size"])
})

test("what comes while the hand draws happens after it has let go, the last of each kind, in order", t => {
  const { hold, done, ask, wait } = hand(t)
  hold.down()
  ask("size", "small")
  ask("look")
  ask("size", "large")
  wait(5000)
  assert.deepEqual(done, [])
  hold.up()
  ask("range")
  assert.deepEqual(done, [])
  wait(150)

  assert.deepEqual(done, ["look", "large", "range"])
})

test("a second stroke soon after the first makes everything wait on", t => {
  const { hold, done, ask, wait } = hand(t)
  hold.down()
  ask("size")
  hold.up()
  wait(100)
  hold.down()
  wait(1000)
  assert.deepEqual(done, [])
  hold.up()
  wait(150)

  assert.deepEqual(done, ["size"])
})

test("who waits for the hand goes on when it lets go", async t => {
  const { hold, wait } = hand(t)
  await hold.free()
  hold.down()
  let free = false
  const waiting = hold.free().then(() => { free = true })
  await Promise.resolve()
  assert.equal(free, false)
  hold.up()
  wait(150)
  await waiting

  assert.equal(free, true)
})

test("what a closed map was to do is not done", t => {
  const { hold, done, ask, wait } = hand(t)
  hold.down()
  ask("size")
  hold.up()
  hold.close()
  wait(1000)

  assert.deepEqual(done, [])
})
