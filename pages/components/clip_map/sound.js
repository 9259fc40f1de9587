/** Plays clips for the map, one sound at a time, and fetches short sounds ahead. */

import { addressOf, change, playback } from "./playback.js"

const MOST_BYTES = 2_000_000 // longer sounds are streamed, not fetched ahead
const MOST_AHEAD = 48 // sounds fetched ahead

export class Sound {
  /** @param onChange called when the playing clip changes, or whether the browser allows us to play */
  constructor(onChange) {
    this.onChange = onChange
    this.element = document.createElement("audio")
    this.element.preload = "auto"
    this.playing = null
    this.started = 0
    this.blocked = false
    this.ahead = new Map()
    this.element.volume = playback.volume
    this.closing = new AbortController()
    addEventListener("hover-playback", () => {
      this.element.volume = playback.volume
      if (!playback.on) this.stop()
      this.onChange()
    }, { signal: this.closing.signal })
    this.element.addEventListener("playing", () => {
      if (this.counted !== this.turn) this.started++
      this.counted = this.turn
      this.onChange()
    })
    for (const name of ["ended", "pause", "error"]) this.element.addEventListener(name, () => this.onChange())
    this.turn = 0
  }

  get on() { return playback.on }
  get volume() { return playback.volume }
  get audible() { return this.playing !== null && !this.element.paused && !this.element.ended }

  set(on, volume) { change({ on, volume }) }

  /** Plays the sound of `clip` at an address, instead of the one before. Resolves to whether it plays. */
  async play(address, clip) {
    const turn = ++this.turn
    this.playing = clip
    this.element.dataset.clip = address
    address = addressOf(address)
    const blob = this.ahead.get(address)
    this.element.src = typeof blob === "string" ? blob : address
    this.element.playbackRate = this.element.defaultPlaybackRate = playback.rate
    try {
      await this.element.play()
      if (turn === this.turn) this.blocked = false
    } catch (error) {
      if (turn !== this.turn || error.name === "AbortError") return false
      this.playing = null
      this.blocked = error.name === "NotAllowedError"
    }
    this.onChange()
    return turn === this.turn && !this.element.paused
  }

  stop() {
    this.turn++
    if (this.playing === null) return
    this.playing = null
    this.element.pause()
    // otherwise the browser goes on loading the sound
    this.element.removeAttribute("src")
    delete this.element.dataset.clip
    this.element.load()
    this.onChange()
  }

  /** Fetches short sounds ahead. */
  async prefetch(addresses) {
    this.fetching?.abort()
    const { signal } = this.fetching = new AbortController()
    for (const address of addresses.map(addressOf)) {
      if (this.ahead.has(address)) continue
      try {
        const answer = await fetch(address, { signal, priority: "low" })
        if (!answer.ok || Number(answer.headers.get("Content-Length")) > MOST_BYTES) {
          this.ahead.set(address, null)
          answer.body?.cancel()
        } else {
          this.ahead.set(address, URL.createObjectURL(await answer.blob()))
        }
      } catch {
        return // cancelled or offline: playing the sound reports it
      }
      if (this.ahead.size > MOST_AHEAD) this.#forget(this.ahead.keys().next().value)
    }
  }

  #forget(address) {
    const blob = this.ahead.get(address)
    if (blob && blob !== this.element.src) URL.revokeObjectURL(blob)
    this.ahead.delete(address)
  }

  close() {
    this.closing.abort()
    this.stop()
    this.fetching?.abort()
    for (const address of [...this.ahead.keys()]) this.#forget(address)
    this.element.remove()
  }
}
