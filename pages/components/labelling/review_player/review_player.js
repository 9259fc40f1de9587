/**
 * The review player: plays hits one after another, and keys decide about each. Sends Python, by an Outbox, the messages
 * {kind: "keep" | "drop" | "skip" | "undo", position, heard, at}, {kind: "label", index: its code, -1 for the chosen one}, {kind: "take back"} and {kind: "end"}. Playing sends nothing.
 */
import { unmounter } from "./unmount.js"
import { Outbox } from "./outbox.js"
import { Row, isHeard } from "./row.js"
import { addressOf, playback } from "./playback.js"

const players = new WeakMap() // by parentElement
const PAUSE_MS = 700 // between two clips: time for a late key
const MOST_S = 10 // of each clip
const KEYS = { ArrowUp: "keep", ArrowDown: "drop", ArrowLeft: "undo", ArrowRight: "skip", " ": "again", Enter: "label", u: "take back", Escape: "end" }
const BUTTONS = [["undo", "←", "Undo"], ["drop", "↓", "Drop"], ["again", "␣", "Again"], ["keep", "↑", "Keep"], ["skip", "→", "Skip"]]

/** Mounts or updates the player in component.parentElement. */
export function mount(component, root) {
  const place = component.parentElement
  let player = players.get(place)
  if (!player) players.set(place, player = new ReviewPlayer(place))
  player.update(component, root)
  return unmounter(players, place, player => player.close())
}

class ReviewPlayer {
  constructor(place) {
    this.outbox = new Outbox()
    this.closing = new AbortController()
    this.element = make("section", "review-player")
    this.element.tabIndex = -1
    this.element.setAttribute("aria-label", "Hits in a row")
    this.where = make("p", "where")
    this.name = make("p", "name")
    this.outline = make("canvas", "outline")
    this.keys = make("div", "keys")
    for (const [kind, sign, word] of BUTTONS) {
      const button = make("button", kind)
      button.append(make("kbd", "", sign), make("span", "", word))
      button.addEventListener("click", () => this.#do(kind))
      this.keys.append(button)
    }
    this.tally = make("p", "tally")
    this.tally.setAttribute("role", "status")
    this.audio = make("audio", "")
    this.element.append(this.where, this.name, this.outline, this.keys, this.tally, this.audio)
    this.audio.addEventListener("timeupdate", () => this.#showProgress())
    this.audio.addEventListener("ended", () => this.#playNextSoon())
    document.addEventListener("keydown", event => this.#key(event), { capture: true, signal: this.closing.signal })
    place.append(this.element)
  }

  update(component, root) {
    const { data } = component
    this.component = component
    this.root = root
    this.outbox.acknowledge(component, data.heard)
    if (!document.querySelector("link[data-review-player]")) {
      const link = make("link", "")
      Object.assign(link, { rel: "stylesheet", href: new URL(`${data.assets}review_player.css`, root).href })
      link.dataset.reviewPlayer = ""
      document.head.append(link)
    }
    const rowsKey = JSON.stringify(data.rows)
    if (rowsKey !== this.rowsKey) {
      this.rowsKey = rowsKey
      this.names = new Map(data.rows)
      this.row = new Row(data.rows.map(([position]) => position), data)
      this.element.focus({ preventScroll: true })
      this.#play()
    }
    const labelled = data.labelled.length
    if (labelled !== this.labelled && this.labelled !== undefined && labelled > this.labelled) this.row.labelled()
    this.labelled = labelled
    this.#show()
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.element.isConnected) return
    const target = event.target
    if (target.closest?.("input, textarea, select, [contenteditable=true], [role=slider], [role=combobox]")) return
    // Enter and Space press a button that was focused by the keyboard
    if ((event.key === "Enter" || event.key === " ") && target.closest?.("button, a, [role=button]") && target.matches(":focus-visible")) return
    const index = /^[1-9]$/.test(event.key) ? this.component.data.keys[event.key - 1] : -1
    const kind = KEYS[event.key] ?? (index >= 0 ? "label" : null)
    if (!kind) return
    event.preventDefault()
    event.stopPropagation()
    this.#do(kind, index)
  }

  #do(kind, index = -1) {
    if (kind === "again") return void this.#play()
    if (kind === "end") {
      this.audio.pause()
      clearTimeout(this.timer)
      return void this.outbox.say(this.component, { kind: "end" })
    }
    if (kind === "take back") return void this.outbox.say(this.component, { kind })
    if (kind === "label") return void this.outbox.say(this.component, { kind: "label", index })
    const act = kind === "undo" ? this.row.undo() : this.row.decide(kind, this.#isHeard())
    if (!act) return
    this.outbox.say(this.component, act)
    this.#play()
  }

  #isHeard() {
    return this.sounding === this.row.now && isHeard(this.audio.currentTime, this.audio.duration, this.over)
  }

  async #play() {
    clearTimeout(this.timer)
    const clip = this.row.now
    this.#show()
    this.over = false
    this.sounding = null
    if (clip === null) return void this.audio.pause()
    this.element.classList.remove("silent")
    this.audio.src = addressOf(this.#address(clip, "audio"))
    this.audio.volume = playback.volume
    this.#draw(clip)
    try {
      await this.audio.play()
      if (this.row.now === clip) this.sounding = clip
    } catch (error) {
      if (error.name === "AbortError" || this.row.now !== clip) return
      if (error.name === "NotAllowedError") return // no click or key yet: the space bar begins
      this.element.classList.add("silent")
      this.tally.textContent = "This clip has no sound that can be played."
      this.timer = setTimeout(() => this.#pass(), 2 * PAUSE_MS)
    }
    const next = this.row.next
    if (next !== null && next !== undefined) fetch(addressOf(this.#address(next, "audio"))).catch(() => null) // so that it starts at once
  }

  #playNextSoon() {
    this.over = true
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#pass(), PAUSE_MS)
  }

  #pass() {
    if (!this.element.isConnected || this.row.now === null) return
    this.row.pass()
    this.#play()
  }

  #showProgress() {
    const share = this.audio.duration ? this.audio.currentTime / this.audio.duration : 0
    this.outline.style.setProperty("--played", `${share * 100}%`)
    if (this.audio.currentTime > MOST_S && !this.audio.paused) {
      this.audio.pause()
      this.#playNextSoon()
    }
  }

  #show() {
    const { row } = this
    const clip = row.now
    const verdict = clip === null ? "" : row.verdicts.get(clip)
    this.where.textContent = clip === null ? `All ${row.positions.length} played` : `${row.at + 1} of ${row.positions.length}`
    this.name.textContent = clip === null ? "Label the kept hits now, or go back with ←" : this.names.get(clip) ?? ""
    this.element.dataset.verdict = verdict ?? ""
    this.tally.textContent = `${row.count("keep")} kept · ${row.count("drop")} dropped · Enter labels the kept hits · Esc ends`
    this.element.dataset.at = row.at
  }

  #address(position, what) {
    return new URL(`${this.component.data.clips}${position}/${what}`, this.root).href
  }

  async #draw(clip) {
    const pen = this.outline.getContext("2d")
    pen.clearRect(0, 0, this.outline.width, this.outline.height)
    const card = await fetch(this.#address(clip, "card")).then(answer => (answer.ok ? answer.json() : null)).catch(() => null)
    if (!card || this.row.now !== clip) return
    const ratio = devicePixelRatio || 1
    const width = this.outline.clientWidth || 300
    const height = this.outline.clientHeight || 48
    this.outline.width = width * ratio
    this.outline.height = height * ratio
    pen.scale(ratio, ratio)
    pen.fillStyle = getComputedStyle(this.outline).color
    const step = width / Math.max(1, card.peaks.length)
    card.peaks.forEach((peak, place) => {
      const tall = Math.max(1, (peak / 255) * height)
      pen.fillRect(place * step, (height - tall) / 2, Math.max(0.5, step * 0.7), tall)
    })
  }

  close() {
    this.closing.abort()
    clearTimeout(this.timer)
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
