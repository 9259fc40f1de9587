/** A montage of a selection: plays some of its clips one after another, to check whether it is pure. */
import { NOWHERE } from "./codec.js"

export const MOST = 8
const EACH_MS = 600
const MOST_MEASURED = 100000 // of a larger selection only every n-th clip is considered

/**
 * Up to `most` selected clips that lie far apart: the clip nearest to the middle, then each time the clip farthest from all before (Gonzalez 1985).
 * Clips of another kind often lie at the border of a cloud. Clips without a place come last, if there is room.
 */
export function spread({ n, selected, base: { places } }, most = MOST) {
  const here = [], nowhere = []
  for (let clip = 0; clip < n; clip++) if (selected[clip]) (places[2 * clip] === NOWHERE ? nowhere : here).push(clip)
  const every = Math.ceil(here.length / MOST_MEASURED)
  const among = every > 1 ? here.filter((_, at) => at % every === 0) : here
  return [...farApart(among, places, most), ...nowhere].slice(0, most)
}

function farApart(clips, places, most) {
  if (clips.length <= most) return clips
  let x = 0, y = 0
  for (const clip of clips) {
    x += places[2 * clip] / clips.length
    y += places[2 * clip + 1] / clips.length
  }
  const far = new Float64Array(clips.length)
  const away = (clip, x, y) => (places[2 * clip] - x) ** 2 + (places[2 * clip + 1] - y) ** 2
  clips.forEach((clip, at) => { far[at] = -away(clip, x, y) }) // the nearest to the middle is the first
  const result = []
  while (result.length < most) {
    let best = 0
    for (let at = 1; at < far.length; at++) if (far[at] > far[best]) best = at
    const next = clips[best]
    clips.forEach((clip, at) => {
      const distance = away(clip, places[2 * next], places[2 * next + 1])
      far[at] = result.length ? Math.min(far[at], distance) : distance
    })
    far[best] = -1 // so that each is chosen once, also if all lie in one place
    result.push(next)
  }
  return result
}

/** Plays clips one after another, up to 0.6 s each. Another sound on the page ends it. */
export class Montage {
  /**
   * @param {Sound} sound the montage's own: its listener must call `followSound`
   * @param address(clip) → the address of its sound; @param onChange called when `clip` changes
   */
  constructor(sound, address, onChange) {
    Object.assign(this, { sound, address, onChange, clips: [], at: -1, sounds: false })
  }

  /** The clip that plays, or null. */
  get clip() { return this.clips[this.at] ?? null }

  /** Its number and the number of clips, {at, of}, or null. */
  get turn() { return this.clip === null ? null : { at: this.at, of: this.clips.length } }

  start(clips) {
    this.clips = clips
    this.at = -1
    this.#next()
  }

  stop() {
    clearTimeout(this.timer)
    if (this.clip === null && !this.clips.length) return
    this.clips = []
    this.sounds = false
    this.sound.stop()
    this.onChange()
  }

  /** Call this when the sound changes. */
  followSound() {
    if (!this.sounds || this.sound.audible) return
    if (this.sound.element.ended) this.#next() // shorter than its turn
    else this.stop() // silenced: by another player, or by the switch
  }

  async #next() {
    clearTimeout(this.timer)
    this.sounds = false
    const { clips, sound } = this, at = ++this.at
    if (at >= clips.length) return this.stop()
    this.onChange()
    await sound.play(this.address(clips[at]), clips[at])
    if (clips !== this.clips || at !== this.at) return
    if (sound.playing === null && !sound.blocked) return this.#next() // this clip cannot be played
    if (!sound.audible) return sound.element.ended ? this.#next() : this.stop()
    if (at === 0) sound.prefetch(clips.slice(1).map(this.address))
    this.sounds = true
    this.timer = setTimeout(() => this.#next(), EACH_MS)
  }

  close() {
    this.stop()
    this.sound.close()
  }
}
