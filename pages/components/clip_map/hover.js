/** Hovering: finds the clip under the mouse, plays it, and shows its card. Sends nothing to Python. */
import { SUBSETS } from "./clips.js"
import { make } from "./dom.js"
import { css, legible } from "./paint.js"
import { Sound } from "./sound.js"
import { Sweep } from "./sweep.js"

const DWELL_MS = 120
const REACH_PX = 10
const MOST_CARDS = 400
const SAME_PLACE_PX = 0.5

export class Hover {
  /**
   * @param parts {link; loader {clips}; viewport}
   * @param acts {theme() → the page's colours; fact(clip) → the meaning of its colour; change(), called when the clip under the mouse or the sound changes}
   */
  constructor({ link, loader, viewport }, acts) {
    Object.assign(this, { link, loader, viewport, acts, clip: null, sweeping: false, cards: new Map() })
    this.sound = new Sound(() => this.#showSound())
    this.path = new Sweep(clip => this.#pass(clip), () => this.sound.stop())
    this.name = make("b")
    this.label = make("span.tiplabel")
    this.facts = make("small")
    this.wave = make("canvas.wave", { width: 192, height: 64 })
    this.problem = make("small.silent")
    this.word = make("small.word")
    this.tip = make("div.tip", { role: "tooltip", hidden: "" }, this.name, this.label, this.wave, this.facts, this.problem, this.word)
  }

  /** Call this when the mouse moves to (px, py) on the map. */
  move(px, py) {
    const [clip = null] = this.viewport.near(px, py, REACH_PX, 1)
    if (clip === this.clip) return
    this.leave(this.sweeping)
    if (clip === null) return
    this.clip = clip
    this.acts.change()
    if (this.sweeping) this.path.pass(clip)
    else this.timer = setTimeout(() => this.#rest(clip), DWELL_MS)
  }

  /** Call this when the mouse leaves its point. `keepPlaying`: the sound goes on. */
  leave(keepPlaying = false) {
    clearTimeout(this.timer)
    this.asking?.abort()
    this.tip.hidden = true
    if (!keepPlaying) {
      this.path.end()
      this.sound.stop()
    }
    if (this.clip === null) return
    this.clip = null
    this.acts.change()
  }

  sweep(on) {
    if (on === this.sweeping) return
    this.sweeping = on
    if (on) {
      clearTimeout(this.timer)
      this.tip.hidden = true
      if (this.clip !== null) this.path.pass(this.clip)
    } else {
      this.path.end()
      this.sound.stop()
    }
  }

  /** Plays a clip on request, also if the sound under the mouse is off. */
  play(clip) { this.#play(clip) }

  /** Plays a clip that was clicked; after a click the browser also allows sound. */
  hear(clip) {
    if (this.sound.on && !(this.sound.audible && this.sound.playing === clip)) this.#play(clip)
  }

  #play(clip) {
    this.path.end()
    return this.sound.play(this.link.clipAddress(clip, "audio"), clip)
  }

  /** Plays one point of a sweep. Resolves to whether it plays. */
  #pass(clip) {
    if (!this.sound.on) return Promise.resolve(false)
    this.#prefetch(clip)
    return this.sound.play(this.link.clipAddress(clip, "audio"), clip)
  }

  #rest(clip) {
    if (this.sound.on) this.#play(clip)
    this.#describe(clip)
    this.#prefetch(clip)
  }

  #prefetch(clip) {
    if (!this.sound.on || this.sound.blocked) return
    const near = this.viewport.near(...this.viewport.pixel(clip), 60, 5).filter(other => other !== clip)
    this.sound.prefetch(near.map(other => this.link.clipAddress(other, "audio")))
  }

  async #describe(clip) {
    this.#show(clip, this.cards.get(clip))
    if (this.cards.has(clip)) return
    const { signal } = this.asking = new AbortController()
    try {
      const answer = await fetch(this.link.clipAddress(clip, "card"), { signal })
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
      const card = await answer.json()
      if (this.cards.size >= MOST_CARDS) this.cards.delete(this.cards.keys().next().value)
      this.cards.set(clip, card)
      if (this.clip === clip) this.#show(clip, card)
    } catch (error) {
      if (!signal.aborted && this.clip === clip) this.facts.textContent = `No details (${error.message})`
    }
  }

  #show(clip, card) {
    const { name: label, colour } = this.#label(clip)
    this.name.textContent = card ? card.name : "…"
    this.label.textContent = label
    this.label.style.setProperty("--dot", colour)
    this.facts.textContent = [card && Number.isFinite(card.duration) ? `${card.duration < 10 ? card.duration.toFixed(2) : Math.round(card.duration)} s` : "", SUBSETS[this.loader.clips.subsets[clip]], this.acts.fact(clip), this.#crowd(clip)].filter(Boolean).join(" · ")
    this.wave.hidden = Boolean(card?.problem)
    this.problem.hidden = !card?.problem
    this.problem.textContent = card?.problem ? `No sound: ${card.problem}` : ""
    this.#draw(card?.peaks ?? [])
    this.#showSound()
    this.tip.hidden = false
    const [px, py] = this.viewport.pixel(clip)
    const { width, height } = this.viewport.view
    const wide = this.tip.offsetWidth, high = this.tip.offsetHeight
    const left = px + 16 + wide < width ? px + 16 : Math.max(4, px - 16 - wide)
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.min(Math.max(4, py - high / 2), height - high - 4))}px)`
  }

  #label(clip) {
    const { labels, codes } = this.loader.clips, label = labels.get(codes[clip]), theme = this.acts.theme()
    return label ? { name: label.name, colour: css(legible(label.colour, theme)) } : { name: "unlabelled", colour: css(theme.grey) }
  }

  /** A note if other points lie in the same place: only one of them plays under the mouse. */
  #crowd(clip) {
    const { shown } = this.loader.clips
    let here = 0
    this.viewport.around(...this.viewport.pixel(clip), SAME_PLACE_PX, other => { here += shown[other] })
    return here > 1 ? `one of ${here.toLocaleString("en-US")} in this place` : ""
  }

  #draw(peaks) {
    const { width, height } = this.wave
    const context = this.wave.getContext("2d")
    context.clearRect(0, 0, width, height)
    context.fillStyle = this.acts.theme().accent
    const step = width / Math.max(1, peaks.length)
    peaks.forEach((peak, at) => {
      const tall = Math.max(2, peak / 255 * height)
      context.fillRect(at * step, (height - tall) / 2, Math.max(1, step - 1), tall)
    })
  }

  #showSound() {
    const { sound } = this
    this.word.textContent = !sound.on ? "The sound is off" : sound.blocked ? "Click once to let the browser play sound" : ""
    this.word.hidden = !this.word.textContent
    this.acts.change()
  }

  /** Call this before another dataset. */
  forget() {
    this.leave()
    this.cards.clear()
  }

  close() {
    this.leave()
    this.sound.close()
  }
}
