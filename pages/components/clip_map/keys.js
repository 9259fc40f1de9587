/** The keys on the map, and what they do. No DOM except for the help sheet. */
import { spread } from "./montage.js"

export class Keys {
  /** Keys → their functions, which return false if the key has no meaning now. */
  #acts = new Map([
    ["Enter", () => this.labelSelection()],
    ["0", () => this.#count > 0 && this.#command("clear labels")],
    ["u", () => this.#command("undo")],
    ["z", () => this.parts.viewport.showSelection()],
    ["?", () => this.toggleHelp()],
    ["Escape", () => this.#escape()],
    [" ", () => this.#playOrStop()],
    ["ArrowRight", () => this.#step(1)],
    ["ArrowDown", () => this.#step(1)],
    ["ArrowLeft", () => this.#step(-1)],
    ["ArrowUp", () => this.#step(-1)],
    ["i", () => this.parts.selection.invert()],
    ["g", () => this.#count > 0 && this.#command("grow")],
    ["m", () => this.#count > 0 && this.#command("map only")],
    ["b", () => Boolean(this.parts.link.data.part) && this.#command("map back")],
  ])

  /**
   * @param parts {link, loader {clips}, viewport, selection, live, hover, montage, sheet {hidden}}
   * @param playingAudio returns the player on the page that is playing now, or null
   */
  constructor(parts, playingAudio) {
    Object.assign(this, { parts, playingAudio })
  }

  /** Carries out a key. Returns whether the key has a meaning now. */
  press(key) {
    if (key >= "1" && key <= "9") return this.#labelBy(key)
    const act = this.#acts.get(key)
    return act !== undefined && act() !== false
  }

  get #count() { return this.parts.loader.clips?.count ?? 0 }

  /** Gives the selection the label of this key. */
  #labelBy(key) {
    const { link, loader, live } = this.parts
    const index = link.data.keys[key - 1], entry = loader.clips?.labels.get(index)
    if (!entry) return false
    this.#command("label", { index })
    live.promise(index, entry)
    return true
  }

  /** Gives the selection the label that is chosen on the page. Returns false if nothing is selected. */
  labelSelection() {
    const { link, live } = this.parts, { offer } = link.data
    if (!this.#count) return false
    this.#command("label chosen")
    if (offer) live.promise(offer.code, offer)
  }

  #command(kind, more = {}) {
    const { link, selection, live } = this.parts
    selection.reportChange() // a key right after a filter applies to the filtered selection
    link.say({ kind, ...more })
    live.expect()
  }

  toggleHelp() {
    const { sheet } = this.parts
    sheet.hidden = !sheet.hidden
  }

  #escape() {
    const { sheet, montage, selection } = this.parts
    if (!sheet.hidden) sheet.hidden = true
    else if (montage.clip !== null) montage.stop()
    else if (this.#count) selection.clear()
    else return false
  }

  /** Stops the sound that plays; else plays the clip in focus, else the selection, else the clip under the mouse. */
  #playOrStop() {
    const { selection: { focus }, hover, montage } = this.parts, playing = this.playingAudio()
    if (montage.clip !== null) montage.stop()
    else if (playing) playing.pause()
    else if (Number.isInteger(focus)) hover.play(focus)
    else if (this.#count) this.hearSelection()
    else if (hover.clip !== null) hover.play(hover.clip)
    else return false
  }

  /** Starts a montage of the selection, or ends it. */
  hearSelection() {
    const { montage, loader } = this.parts
    if (montage.clip !== null) montage.stop()
    else if (this.#count) montage.start(spread(loader.clips))
  }

  /** Puts the next or previous clip of the selection in focus and plays it, in the order of the table, and round. */
  #step(direction) {
    const { loader: { clips }, selection, hover } = this.parts
    if (!this.#count) return false
    let clip = Number.isInteger(selection.focus) ? selection.focus : direction > 0 ? -1 : clips.n
    do clip = (clip + direction + clips.n) % clips.n
    while (!clips.selected[clip])
    selection.focusOn(clip)
    hover.play(clip)
  }
}
