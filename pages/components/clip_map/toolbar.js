/** The toolbar above the map, and the help sheet. All texts are set by textContent, because names and labels come from outside. */
import { SUBSETS } from "./clips.js"
import { make } from "./dom.js"

export const OPS = [
  ["new", "new", "The next lasso or click replaces the selection"],
  ["add", "∪ add", "The next lasso or click adds to the selection (hold Shift)"],
  ["and", "∩ keep", "The next lasso or click keeps only the selected clips in it (hold Shift and Alt)"],
  ["minus", "∖ remove", "The next lasso or click removes from the selection (hold Alt)"],
]

const KEYS = [
  ["drag", "lasso, box or pan, as chosen at the top right"],
  ["Shift · Alt · both", "add to the selection · remove from it · keep only what is in both; also for a click"],
  ["click · Shift + click", "select one clip · add or remove one clip"],
  ["mouse wheel · Ctrl + drag", "zoom · pan"],
  ["rest on a point", "hear it"],
  ["hold s and move", "sweep: hear every point on the way"],
  ["hold p and drag", "paint: select with a brush"],
  ["hold l and drag", "paint with the chosen label"],
  ["1 – 9 · 0", "label the selection · remove its labels"],
  ["Enter", "label the selection with the chosen label"],
  ["u", "undo"],
  ["← →", "hear the previous or next clip of the selection"],
  ["Space", "play the clip in focus, or else up to 8 of the selection, 0.6 s each; stop playing"],
  ["g · i", "grow: add the nearest clips · invert the selection"],
  ["z", "zoom to the selection"],
  ["m · b", "map only the selection · back to the map before"],
  ["Esc", "stop playing the selection, cancel the lasso, or clear the selection (also by a double-click beside the points)"],
  ["legend: click · double-click · Shift + click", "hide or show · show only this · select all"],
]

const ICONS = {
  sound: "M3 9v6h4l5 5V4L7 9H3zm13.5 3A4.5 4.5 0 0 0 14 7.97v8.05A4.5 4.5 0 0 0 16.5 12zM14 3.23v2.06a7 7 0 0 1 0 13.42v2.06a9 9 0 0 0 0-17.54z",
  silent: "M16.5 12A4.5 4.5 0 0 0 14 7.97v2.21l2.45 2.45c.03-.2.05-.41.05-.63zM19 12c0 .94-.2 1.82-.54 2.64l1.51 1.51A8.8 8.8 0 0 0 21 12a9 9 0 0 0-7-8.77v2.06A7 7 0 0 1 19 12zM4.27 3 3 4.27 7.73 9H3v6h4l5 5v-6.73l4.25 4.25a6.9 6.9 0 0 1-2.25 1.18v2.06a9 9 0 0 0 3.69-1.81L19.73 21 21 19.73l-9-9L4.27 3zM12 4 9.91 6.09 12 8.18V4z",
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "path"))
  svg.firstChild.setAttribute("d", ICONS[name])
  return svg
}

/** The toolbar. `acts` = {op, hear, invert, zoom, clear, subset, colourBy, filterBy, axes, sound, help} are called with the new choice. */
export class Toolbar {
  constructor(acts) {
    this.acts = acts
    this.ops = new Map(OPS.map(([op, text, title]) => [op, make("button", { type: "button", title, "aria-label": title, click: () => acts.op(op) }, text)]))
    this.count = make("span.count", { "aria-live": "polite" })
    this.hear = make("button.hear", { type: "button", title: "Play up to 8 clips of the selection, 0.6 s each (Space)", click: () => acts.hear() }, "Hear it")
    this.invert = make("button", { type: "button", title: "Select the shown clips that are not selected (i)", click: () => acts.invert() }, "invert")
    this.clear = make("button", { type: "button", title: "Select nothing (Esc)", click: () => acts.clear() }, "clear")
    this.zoom = make("button", { type: "button", title: "Zoom to the selection (z)", click: () => acts.zoom() }, "zoom to")
    this.chips = SUBSETS.map((name, subset) => make("button", { type: "button", title: `Show or hide ${name}. Double-click: show only ${name}`, click: event => acts.subset(subset, event) }))
    this.subsets = make("div.group.chips", { role: "group", "aria-label": "Subsets shown" }, ...this.chips)
    this.colour = make("select.colour", { title: "Choose what the colours show", "aria-label": "Colour by", change: () => acts.colourBy(this.colour.value) })
    this.filter = make("select.addfilter", { title: "Show only some clips", "aria-label": "Filter by", change: () => { acts.filterBy(this.filter.value); this.filter.value = "" } })
    const axis = name => make("select", { "aria-label": `${name} axis`, change: () => acts.axes(this.x.value, this.y.value) })
    this.x = axis("x")
    this.y = axis("y")
    this.axes = make("label.axes", { hidden: "" }, "axes ", this.x, this.y)
    this.sound = make("button.icon", { type: "button", click: () => acts.sound(!this.soundOn, Number(this.volume.value)) })
    this.volume = make("input", { type: "range", min: 0, max: 1, step: 0.05, title: "Volume", "aria-label": "Volume", input: () => acts.sound(true, Number(this.volume.value)) })
    this.live = make("span.live")
    this.element = make("div.bar", {},
      make("div.group.ops", { role: "group", "aria-label": "What the next lasso or click does" }, ...this.ops.values()),
      this.count,
      make("div.group", {}, this.hear, this.invert, this.zoom, this.clear),
      this.subsets,
      make("label", {}, "colour ", this.colour),
      this.filter,
      this.axes,
      make("span.sound", {}, this.sound, this.volume),
      make("button.help", { type: "button", title: "Keys and gestures (?)", "aria-label": "Keys and gestures", click: () => acts.help() }, "?"),
      this.live)
  }

  showOp(op) {
    for (const [name, button] of this.ops) button.setAttribute("aria-pressed", name === op)
  }

  /** Shows the number of clips in an unfinished gesture; `where`: "in the lasso", "in the box" or "painted". */
  showCatch(count, where, roughly = false) {
    this.count.textContent = `${roughly ? "≈ " : ""}${count.toLocaleString("en-US")} ${where}`
  }

  showCount(count, n) {
    this.count.textContent = count ? `${count.toLocaleString("en-US")} selected` : n === 1 ? "1 clip" : `${n.toLocaleString("en-US")} clips`
    this.count.classList.toggle("clip-map-some", count > 0)
    this.hear.disabled = this.clear.disabled = this.zoom.disabled = !count
  }

  /** Shows which clip of a montage plays, {at, of}; null: none. */
  showMontage(turn) {
    this.hear.textContent = turn ? `${turn.at + 1} of ${turn.of}` : "Hear it"
  }

  showSubsets(counts, shown) {
    this.subsets.hidden = counts.filter(Boolean).length < 2 && shown.every(Boolean)
    const alone = shown.filter(Boolean).length === 1 // stays visible also without clips
    this.chips.forEach((chip, subset) => {
      chip.textContent = `${SUBSETS[subset]} ${counts[subset].toLocaleString("en-US")}`
      chip.setAttribute("aria-pressed", shown[subset])
      chip.hidden = !counts[subset] && shown[subset] !== alone
    })
  }

  /** Shows the columns to colour and filter by, [{key, title}], besides label and subset. */
  showColumns(columns, by) {
    const names = JSON.stringify(columns)
    if (names !== this.columns) {
      this.columns = names
      const option = ({ key, title }) => make("option", { value: key }, title)
      const table = columns.filter(({ key }) => key.startsWith("table:"))
      const all = () => [
        ...[{ key: "label", title: "label" }, { key: "subset", title: "subset" }, ...columns.filter(({ key }) => !key.startsWith("table:"))].map(option),
        ...table.length ? [make("optgroup", { label: "columns of the table" }, ...table.map(option))] : [],
      ]
      this.colour.replaceChildren(...all())
      this.filter.replaceChildren(make("option", { value: "" }, "filter …"), ...all())
    }
    this.colour.value = by
  }

  /** Shows the menus of axes, [{key, title}], with the current choice; hidden if there is no choice. */
  showAxes(axes, choice) {
    this.axes.hidden = axes.length < 3
    const names = JSON.stringify(axes)
    if (names !== this.axisNames) {
      this.axisNames = names
      for (const select of [this.x, this.y]) select.replaceChildren(...axes.map(({ key, title }) => make("option", { value: key }, title)))
    }
    this.x.value = choice.x
    this.y.value = choice.y
  }

  showSound(on, volume) {
    if (this.soundOn !== on) this.sound.replaceChildren(icon(on ? "sound" : "silent"))
    this.soundOn = on
    this.sound.title = on ? "Points under the mouse are played. Click to switch the sound off" : "The sound is off. Click to play points under the mouse"
    this.sound.setAttribute("aria-pressed", on)
    this.volume.value = volume
  }

  showLive(state, people) {
    const names = people.map(person => String(person.name))
    const who = names.slice(0, 2).join(", ") + (names.length > 2 ? ` +${names.length - 2}` : "")
    this.live.textContent = state === "live" ? who || "live" : { offline: "offline", refused: "signed out", writing: "writing" }[state] ?? "…"
    this.live.title = { live: ["Labels of others appear by themselves", ...names].join("\n"), offline: "The server does not answer. Trying again", refused: "The server refuses access. Sign in again", writing: "Your labels are being stored" }[state] ?? ""
    this.live.dataset.state = state ?? "waiting"
  }
}

export function helpSheet(close) {
  return make("div.sheet", { role: "dialog", "aria-label": "Keys and gestures", hidden: "" },
    make("button.close", { type: "button", "aria-label": "Close", click: close }, "×"),
    make("dl", {}, ...KEYS.flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)])))
}
