/**
 * The spectrogram of the clip in focus. Its play head follows any player on the page that plays this clip: of the map, a list, or Streamlit.
 * Speed and even loudness hold for all of them. Sends nothing to Python.
 */
import { unmounter } from "./unmount.js"
import { style } from "./style.js"
import { addressOf, change, clipOf, playback } from "./playback.js"

const RATES = [0.5, 0.75, 1, 1.5, 2]
const players = new WeakMap() // by parentElement

/** Mounts or updates the spectrogram in component.parentElement. */
export function mount(component, root) {
  const place = component.parentElement
  let player = players.get(place)
  if (!player) players.set(place, player = new Spectrogram(place))
  player.update(component.data, root)
  return unmounter(players, place, player => player.close())
}

class Spectrogram {
  constructor(place) {
    this.closing = new AbortController()
    const { signal } = this.closing
    this.element = make("div", "clip-spectrogram")
    this.play = make("button", "play", "▶")
    this.name = make("span", "name")
    this.time = make("span", "time")
    this.rate = make("select", "rate")
    this.rate.title = "Speed"
    this.rate.setAttribute("aria-label", "Speed")
    this.rate.append(...RATES.map(rate => Object.assign(make("option", "", `${rate} ×`), { value: rate })))
    const level = make("label", "level")
    this.level = make("input", "")
    this.level.type = "checkbox"
    level.title = "Play all clips at the same loudness, to compare quiet and loud clips"
    level.append(this.level, " even loudness")
    this.picture = make("div", "picture")
    this.image = make("img", "")
    this.image.alt = "Spectrogram: time to the right, pitch upwards"
    this.image.draggable = false
    this.head = make("i", "head")
    this.problem = make("p", "problem")
    this.audio = make("audio", "") // used if no player of Streamlit's has this clip
    this.picture.append(this.image, this.head, this.problem)
    const above = make("div", "row")
    above.append(this.play, this.name, this.time, this.rate, level)
    this.element.append(above, this.picture, this.audio)

    this.play.addEventListener("click", () => this.#toggle())
    this.rate.addEventListener("change", () => change({ rate: Number(this.rate.value) }))
    this.level.addEventListener("change", () => change({ level: this.level.checked }))
    this.picture.addEventListener("click", event => this.#seek(event))
    this.image.addEventListener("load", () => this.#say(""))
    this.image.addEventListener("error", () => this.#explain())
    for (const name of ["play", "playing", "pause", "ended", "seeked", "loadedmetadata", "emptied"]) document.addEventListener(name, () => this.#follow(), { signal, capture: true })
    addEventListener("hover-playback", () => this.#showSettings(), { signal })
    this.#showSettings()
    place.append(this.element)
  }

  update(data, root) {
    style(new URL(`${data.assets}spectrogram.css`, root).href, this.element)
    const clip = new URL(data.clip, root).href
    const dark = isDark(this.element)
    this.name.textContent = data.name
    this.name.title = data.url
    const address = `${clip}spectrogram${dark ? "?dark=1" : ""}`
    if (this.address !== address) {
      this.address = address
      this.image.style.visibility = "hidden"
      this.image.src = address
    }
    this.clip = clip
    this.sound = `${clip}audio`
    this.#follow()
  }

  /** The player with this clip: the one that is playing, else Streamlit's, else another of ours, or null. */
  #player() {
    const all = [...document.querySelectorAll("audio")].filter(audio => clipOf(audio) === this.sound)
    return all.find(audio => !audio.paused) ?? all.find(audio => audio.closest("[data-testid=stAudio]")) ?? all[0] ?? null
  }

  #toggle(from = null) {
    let player = this.#player()
    if (player && !player.paused && from === null) return void player.pause()
    if (!player) {
      player = this.audio
      player.src = addressOf(this.sound)
      player.volume = playback.volume
    }
    if (from !== null && Number.isFinite(player.duration)) player.currentTime = from * player.duration
    player.play().catch(error => {
      if (error.name !== "AbortError") this.#explain()
    })
  }

  #seek(event) {
    const { left, width } = this.picture.getBoundingClientRect()
    this.#toggle(Math.min(1, Math.max(0, (event.clientX - left) / width)))
  }

  /** Moves the play head with every frame while a player plays this clip. */
  #follow() {
    cancelAnimationFrame(this.frame)
    const player = this.#player(), playing = Boolean(player && !player.paused && !player.ended)
    const isKnown = player && Number.isFinite(player.duration) && player.duration > 0
    const share = isKnown ? player.currentTime / player.duration : 0
    this.head.style.left = `${share * 100}%`
    this.head.hidden = !playing && !share
    this.play.textContent = playing ? "■" : "▶"
    this.play.title = playing ? "Stop (Space)" : "Play (Space)"
    this.play.setAttribute("aria-label", playing ? "Stop" : "Play")
    this.time.textContent = isKnown ? `${player.currentTime.toFixed(1)} / ${player.duration.toFixed(1)} s` : ""
    if (playing) this.frame = requestAnimationFrame(() => this.#follow())
  }

  #showSettings() {
    this.rate.value = RATES.includes(playback.rate) ? playback.rate : 1
    this.level.checked = playback.level
    this.audio.volume = playback.volume
  }

  /** Shows why there is no picture or sound, from the card of the clip. */
  async #explain() {
    const { clip } = this
    this.#say("The sound of this clip cannot be shown or played.")
    try {
      const card = await (await fetch(`${clip}card`, { signal: this.closing.signal })).json()
      if (card.problem && clip === this.clip) this.#say(card.problem)
    } catch {
      // keep the sentence above
    }
  }

  #say(problem) {
    this.problem.textContent = problem
    this.problem.hidden = !problem
    this.image.style.visibility = problem ? "hidden" : "visible"
  }

  close() {
    this.closing.abort()
    cancelAnimationFrame(this.frame)
    this.audio.pause()
    this.element.remove()
  }
}

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text // names come from outside: text, never markup
  if (tag === "button") element.type = "button"
  return element
}

function isDark(element) {
  const pen = document.createElement("canvas").getContext("2d")
  pen.fillStyle = getComputedStyle(element).getPropertyValue("--st-background-color").trim() || "#ffffff"
  pen.fillRect(0, 0, 1, 1)
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data
  return r + g + b < 384
}
