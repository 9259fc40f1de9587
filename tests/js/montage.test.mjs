import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { Montage, spread } from "../../pages/components/clip_map/montage.js"

const here = (places, selected = places.map(() => 1)) => ({ n: places.length, selected, base: { places: Uint16Array.from(places.flat()) } })

test("the clip in the middle comes first, then those far from all before; what is not selected never", () => {
  const row = Array.from({ length: 11 }, (_, at) => [1000 * at, 0])

  assert.deepEqual(spread(here(row), 3), [5, 0, 10])
  assert.deepEqual(spread(here(row, row.map((_, at) => Number(at > 0 && at < 10))), 4), [5, 1, 9, 3])
})

test("a small selection is heard whole, also where clips lie in one place or in none", () => {
  assert.deepEqual(spread(here([[0, 0], [9, 9], [65535, 65535]]), 8), [0, 1, 2])
  assert.deepEqual(spread(here(Array(20).fill([7, 7])), 8).length, new Set(spread(here(Array(20).fill([7, 7])), 8)).size)
})

/** A player by hand: what it was asked to play, and what has become of it. */
function player(broken = []) {
  return {
    asked: [], playing: null, blocked: false, audible: false, element: { ended: false },
    async play(address, clip) {
      this.asked.push(address)
      this.playing = broken.includes(clip) ? null : clip
      this.audible = this.playing !== null
      this.element.ended = false
    },
    stop() { this.playing = null; this.audible = false },
    prefetch() {},
  }
}

const turn = () => new Promise(done => setImmediate(done))

async function started(clips, broken) {
  const sound = player(broken), seen = []
  const montage = new Montage(sound, clip => `clip ${clip}`, () => seen.push(montage.clip))
  montage.start(clips)
  await turn()
  return { montage, sound, seen }
}

test("clips follow each other every 0.6 s, one that is shorter at once, one that is broken not at all", async () => {
  mock.timers.enable({ apis: ["setTimeout"] })
  const { montage, sound, seen } = await started([3, 4, 5, 6], [5])
  mock.timers.tick(599)
  await turn()
  assert.deepEqual(sound.asked, ["clip 3"])
  mock.timers.tick(1)
  await turn()
  assert.deepEqual(sound.asked, ["clip 3", "clip 4"])
  Object.assign(sound, { audible: false, element: { ended: true } })
  montage.followSound()
  await turn()
  assert.deepEqual(sound.asked, ["clip 3", "clip 4", "clip 5", "clip 6"])
  mock.timers.tick(600)
  await turn()

  assert.deepEqual(seen, [3, 4, 5, 6, null])
  assert.equal(sound.playing, null)
  mock.timers.reset()
})

test("another sound ends a montage, and so does whoever asks for it", async () => {
  mock.timers.enable({ apis: ["setTimeout"] })
  const first = await started([3, 4])
  first.sound.audible = false // paused by what began to play
  first.montage.followSound()
  const second = await started([3, 4])
  second.montage.stop()
  mock.timers.tick(5000)
  await turn()

  for (const { montage, sound } of [first, second]) {
    assert.equal(montage.clip, null)
    assert.deepEqual(sound.asked, ["clip 3"])
  }
  mock.timers.reset()
})
