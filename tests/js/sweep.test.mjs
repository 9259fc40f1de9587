import assert from "node:assert/strict"
import test from "node:test"
import { Sweep } from "../../pages/components/clip_map/sweep.js"

const settle = () => new Promise(done => setImmediate(done))

/** A sweep over sounds that take `delay` ms to come; clips in `broken` have none. `at(ms)` goes on by that. */
function listen(t, delay = 0, broken = []) {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const asked = [], heard = []
  let stops = 0
  const sweep = new Sweep(clip => {
    asked.push(clip)
    return new Promise(done => {
      const come = () => {
        const sounds = asked.at(-1) === clip && !broken.includes(clip)
        if (sounds) heard.push(clip)
        done(sounds)
      }
      if (delay) setTimeout(come, delay)
      else come()
    })
  }, () => { stops++ })
  const wait = async ms => {
    for (let step = 0; step < ms; step += 5) {
      t.mock.timers.tick(5)
      await settle()
    }
  }
  return { sweep, heard, wait, stopped: () => stops }
}

test("sounds that come late are heard, each of them", async t => {
  const { sweep, heard, wait, stopped } = listen(t, 350)
  for (const clip of [1, 2, 3, 4, 5, 6]) {
    sweep.pass(clip)
    await wait(400)
  }
  assert.equal(stopped(), 0)
  await wait(900)

  assert.deepEqual([heard, stopped()], [[1, 2, 3, 4, 5, 6], 1])
})

test("a point on which the mouse stops is heard, however soon after another it came", async t => {
  const { sweep, heard, wait, stopped } = listen(t)
  sweep.pass(100)
  await wait(20)
  sweep.pass(110)
  await wait(40)
  assert.deepEqual(heard, [100])
  await wait(20)
  assert.deepEqual(heard, [100, 110])
  await wait(300)

  assert.equal(stopped(), 1)
})

test("eleven points at fifty milliseconds each are all heard", async t => {
  const { sweep, heard, wait } = listen(t)
  for (let clip = 0; clip < 11; clip++) {
    sweep.pass(clip)
    await wait(50)
  }
  await wait(400)

  assert.deepEqual(heard, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test("what is heard does not fall far behind a mouse that rushes", async t => {
  const { sweep, heard, wait } = listen(t)
  for (let clip = 0; clip < 100; clip++) sweep.pass(clip)
  await wait(480)

  assert.deepEqual(heard, [0, 94, 95, 96, 97, 98, 99])
})

test("a clip without a sound keeps nobody waiting", async t => {
  const { sweep, heard, wait } = listen(t, 0, [1])
  for (const clip of [1, 2]) sweep.pass(clip)
  await wait(5)

  assert.deepEqual(heard, [2])
})

test("after its end nothing that waited is played", async t => {
  const { sweep, heard, wait, stopped } = listen(t)
  for (const clip of [1, 2, 3]) sweep.pass(clip)
  await wait(5)
  sweep.end()
  await wait(2000)

  assert.deepEqual([heard, stopped()], [[1], 0])
})
