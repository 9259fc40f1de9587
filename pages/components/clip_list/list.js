/**
 * A page of clips: play each, see its outline, search for more like it, leave it out. Only one sound on the page plays at a time.
 *
 * Sends Python, by an Outbox, messages {kind: "focus" | "similar" | "evict" | "up" | "down" | "label", position, label}. Playing sends nothing.
 */
import { halves } from "./halves.js"
import { unmounter } from "./unmount.js"
import { Outbox } from "./outbox.js"
import { css, legible, themeOf } from "./paint.js"
import { style } from "./style.js"
import { addressOf, playback } from "./playback.js"

const lists = new WeakMap() // by parentElement
const outlines = new Map() // clip address → its card, or a promise of it
const MOST_CARDS = 2000
const ICONS = { // SVG paths in a box of 16: many fonts lack glyphs for these
  play: "M4 2.5v11l9-5.5z",
  stop: "M4 4h8v8H4z",
  similar: "M7 2a5 5 0 1 0 3.1 8.9l3 3 .9-.9-3-3A5 5 0 0 0 7 2zm0 1.3a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.4z",
  up: "M2 7h2.3v7H2zM5.5 7 8.2 1.5c1 0 1.7.7 1.7 1.7L9.5 6h3.4c.8 0 1.3.7 1.1 1.4l-1.5 5.6c-.1.6-.6 1-1.2 1H5.5z",
  down: "M14 9h-2.3V2H14zM10.500 9l-2.7 5.500c-1 0-1.700-.7-1.700-1.700L6.500 10H3.100c-.8 0-1.300-.7-1.100-1.400l1.500-5.600c.1-.6.6-1 1.200-1h5.800z",
  evict: "M3.6 2.7 8 7.1l4.4-4.4.9.9L8.9 8l4.4 4.4-.9.9L8 8.9l-4.4 4.4-.9-.9L7.1 8 2.7 3.6z",
}

/** Mounts or updates the list in component.parentElement. */
export function mount(component, root) {
  const place = component.parentElement
  let list = lists.get(place)
  if (!list) lists.set(place, list = new ClipList(place))
  list.update(component, root)
  return unmounter(lists, place, list => list.close())
}

class ClipList {
  constructor(place) {
    this.outbox = new Outbox()
    this.element = make("div", "clip-list")
    this.audio = make("audio", "")
    this.rows = make("ol", "rows")
    this.note = make("p", "note")
    this.note.hidden = true
    this.options = make("datalist", "")
    this.options.id = `clip-list-${Math.random().toString(36).slice(2)}`
    this.heading = make("div", "heading")
    this.heading.append(make("span", ""), make("span", ""))
    this.element.append(this.heading, this.rows, this.note, this.audio, this.options)
    this.audio.addEventListener("timeupdate", () => this.#showProgress())
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.#markPlaying())
    place.append(this.element)
  }

  update(component, root) {
    const { data } = component
    this.component = component
    this.root = root
    this.outbox.acknowledge(component, data.heard)
    style(new URL(`${data.assets}list.css`, root).href, this.element)
    const names = JSON.stringify(data.labels)
    if (names !== this.names) {
      this.names = names
      this.options.replaceChildren(...data.labels.map(name => Object.assign(make("option", ""), { value: name })))
    }
    const [first] = data.rows
    this.element.classList.toggle("hits", Boolean(first?.closer))
    if (first?.closer) headings(first).forEach((words, at) => { this.heading.children[at].textContent = words })
    this.theme = themeOf(this.element)
    const rowsKey = JSON.stringify([data.rows, this.theme])
    if (rowsKey !== this.rowsKey) {
      this.rowsKey = rowsKey
      const focused = this.rows.contains(document.activeElement) ? placeOf(document.activeElement) : null
      this.rows.replaceChildren(...data.rows.map(row => this.#row(row)))
      // keep the keyboard focus in its row; if its clip was left out, in the row that follows
      if (focused) this.rows.children[Math.min(focused.row, this.rows.children.length - 1)]?.querySelector(focused.selector)?.focus()
    }
    for (const item of this.rows.children) item.classList.toggle("focus", Number(item.dataset.position) === data.focus)
    this.#markPlaying()
  }

  #row(row) {
    const item = make("li", "row")
    item.dataset.position = row.position
    const play = iconButton("play")
    play.title = "Play"
    play.setAttribute("aria-label", `Play ${row.name}`)
    play.addEventListener("click", () => this.#play(row.position))
    const outline = make("canvas", "outline")
    outline.addEventListener("click", () => this.#play(row.position))
    const name = make("button", "name")
    name.append(...halves(row.name).map(half => make("span", "", half)))
    name.setAttribute("aria-label", row.name)
    name.title = row.url ? `${row.name}\n${row.url}` : row.name // guests get no address
    name.addEventListener("click", () => this.#act("focus", row.position))
    const label = this.#label(row)
    const score = make("span", "score", row.score ?? "")
    const similar = iconButton("similar")
    similar.title = "More like this"
    similar.setAttribute("aria-label", `More like ${row.name}`)
    similar.addEventListener("click", () => this.#act("similar", row.position))
    item.append(play, outline, name, label, score)
    if (row.closer) {
      const closer = make("span", "closer", row.frames ?? row.closer)
      const frames = row.frames ? `; frame by frame ${row.frames} apart, on average` : ""
      closer.title = score.title = `Cosine ${row.score}; closer than ${row.closer} of all clips${frames}`
      item.append(closer)
    }
    if (row.thumb !== null && row.thumb !== undefined) item.append(this.#thumb(row, "up", 1), this.#thumb(row, "down", -1))
    item.append(similar)
    if (this.component.data.evict) {
      const evict = iconButton("evict")
      evict.title = "Remove from the selection"
      evict.setAttribute("aria-label", `Leave out ${row.name}`)
      evict.addEventListener("click", () => this.#act("evict", row.position))
      item.append(evict)
    }
    this.#outline(row.position, outline, item)
    return item
  }

  /** The label of one clip. A click turns it into a box to enter another label for this clip. */
  #label(row) {
    const label = make("button", "label", row.label || "–")
    if (row.colour) label.style.setProperty("--label", css(legible(row.colour, this.theme)))
    label.title = "Correct the label of this clip"
    label.setAttribute("aria-label", `Label of ${row.name}: ${row.label || "none"}. Click to correct`)
    label.addEventListener("click", () => {
      const box = make("input", "patch")
      Object.assign(box, { placeholder: row.label || "label …", maxLength: 200 })
      box.setAttribute("aria-label", `Another label for ${row.name}`)
      box.setAttribute("list", this.options.id)
      let done = false // removing the box blurs it, which calls `back` again
      const back = () => {
        if (!done) (done = true), box.replaceWith(label)
      }
      box.addEventListener("keydown", event => {
        event.stopPropagation() // not a key of the map or the page
        if (event.key === "Escape") back()
        if (event.key !== "Enter" || event.isComposing) return
        const text = box.value.trim().replace(/\s+/g, " ")
        if (text && text !== row.label) {
          this.outbox.say(this.component, { kind: "label", position: row.position, label: text })
          label.textContent = "…"
        }
        back()
      })
      box.addEventListener("blur", back)
      label.replaceWith(box)
      box.focus()
    })
    return label
  }

  #thumb(row, kind, value) {
    const thumb = iconButton(kind)
    thumb.title = kind === "up" ? "More clips like this" : "Fewer clips like this"
    thumb.setAttribute("aria-label", `${kind === "up" ? "Like" : "Not like"} ${row.name}`)
    thumb.setAttribute("aria-pressed", String(row.thumb === value))
    thumb.addEventListener("click", () => this.#act(kind, row.position))
    return thumb
  }

  #address(position, what) {
    return new URL(`${this.component.data.clips}${position}/${what}`, this.root).href
  }

  async #outline(position, canvas, item) {
    const address = this.#address(position, "card")
    if (!outlines.has(address)) {
      if (outlines.size > MOST_CARDS) outlines.delete(outlines.keys().next().value)
      outlines.set(address, fetch(address).then(answer => (answer.ok ? answer.json() : null)).catch(() => null))
    }
    const card = await outlines.get(address)
    if (!card) return void outlines.delete(address)
    if (card.problem) {
      item.classList.add("silent")
      item.title = card.problem
      return
    }
    draw(canvas, card.peaks)
    if (card.duration) canvas.title = `${card.duration.toFixed(1)} s`
  }

  async #play(position) {
    if (this.position === position && !this.audio.paused) return void this.audio.pause()
    this.position = position
    this.audio.src = addressOf(this.#address(position, "audio"))
    this.audio.volume = playback.volume
    this.note.hidden = true
    try {
      await this.audio.play()
    } catch (error) {
      if (error.name === "AbortError") return
      const card = await outlines.get(this.#address(position, "card")) // the card says why
      this.note.textContent = `This clip could not be played: ${card?.problem || "its sound cannot be fetched or decoded"}.`
      this.note.hidden = false
    }
  }

  #markPlaying() {
    for (const item of this.rows.children) {
      const sounds = Number(item.dataset.position) === this.position && !this.audio.paused
      item.classList.toggle("sounds", sounds)
      item.querySelector(".play path").setAttribute("d", sounds ? ICONS.stop : ICONS.play)
    }
  }

  #showProgress() {
    const share = this.audio.duration ? this.audio.currentTime / this.audio.duration : 0
    for (const item of this.rows.children) {
      const here = Number(item.dataset.position) === this.position
      item.querySelector(".outline").style.setProperty("--played", here ? `${share * 100}%` : "0%")
    }
  }

  #act(kind, position) {
    this.outbox.say(this.component, { kind, position })
  }

  close() {
    this.audio.pause()
    this.element.remove()
  }
}

/** Where a button of the list is: the number of its row, and a CSS selector in that row. */
function placeOf(button) {
  const row = button.closest(".row")
  return row && { row: [...row.parentElement.children].indexOf(row), selector: `.${button.classList[0]}` }
}

/** The headings of the two columns of numbers of hits. */
function headings(row) {
  return ["cosine", row.frames ? "frames apart" : "closer than"]
}

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text // labels and names come from outside: text, never markup
  if (tag === "button") element.type = "button"
  return element
}

function iconButton(name) {
  const button = make("button", name)
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  icon.setAttribute("viewBox", "0 0 16 16")
  icon.setAttribute("aria-hidden", "true")
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
  path.setAttribute("d", ICONS[name])
  path.setAttribute("fill", "currentColor")
  icon.append(path)
  button.append(icon)
  return button
}

function draw(canvas, peaks) {
  const ratio = devicePixelRatio || 1
  const [width, height] = [72, 22]
  canvas.width = width * ratio
  canvas.height = height * ratio
  const pen = canvas.getContext("2d")
  pen.scale(ratio, ratio)
  pen.fillStyle = getComputedStyle(canvas).color
  const step = width / peaks.length
  peaks.forEach((peak, place) => {
    const tall = Math.max(1, (peak / 255) * height)
    pen.fillRect(place * step, (height - tall) / 2, Math.max(0.5, step * 0.7), tall)
  })
}
