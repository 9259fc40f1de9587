/** Plays the clip under the mouse: one sound at a time, never two, and none that nobody asked for. */

import { addressOf, change, playback } from "./playback.js"

const MOST_BYTES = 2_000_000 // longer sounds are streamed, not fetched ahead
const MOST_KEPT = 48

export class Sound {
  /** @param onChange called whenever what is heard, or whether the browser lets us play, has changed */
  constructor(onChange) {
    this.onChange = onChange
    this.element = document.createElement("audio")
    this.element.preload = "auto"
    this.playing = null
    this.started = 0
    this.blocked = false
    this.ahead = new Map()
    this.element.volume = playback.volume
    this.gone = new AbortController()
    addEventListener("hover-playback", () => {
      this.element.volume = playback.volume
      if (!playback.on) this.stop()
      this.onChange()
    }, { signal: this.gone.signal })
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

  /** Plays the sound at an address; whatever played before stops. Answers, when it is known, whether it is heard. */
  async play(address, what) {
    const turn = ++this.turn
    this.playing = what
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
    // without this the browser goes on loading what nobody hears
    this.element.removeAttribute("src")
    delete this.element.dataset.clip
    this.element.load()
    this.onChange()
  }

  /** Fetches short sounds before they are asked for. */
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
        return // left meanwhile, or offline: the sound itself will say so
      }
      if (this.ahead.size > MOST_KEPT) this.#forget(this.ahead.keys().next().value)
    }
  }

  #forget(address) {
    const blob = this.ahead.get(address)
    if (blob && blob !== this.element.src) URL.revokeObjectURL(blob)
    this.ahead.delete(address)
  }

  close() {
    this.gone.abort()
    this.stop()
    this.fetching?.abort()
    for (const address of [...this.ahead.keys()]) this.#forget(address)
    this.element.remove()
  }
}
