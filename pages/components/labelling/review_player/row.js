/** A row of clips that are judged one after another: the current clip, the decisions, and undo. No DOM. */

export const ENOUGH_S = 0.5 // a clip counts as heard after this time, or after half of it

/** Whether a sound counts as heard: half a second of it, half of it, or all of it. */
export function isHeard(played_s, duration_s, ended) {
  if (ended) return true
  const enough = duration_s > 0 ? Math.min(ENOUGH_S, duration_s / 2) : ENOUGH_S
  return played_s > 0 && played_s >= enough
}

export class Row {
  /** @param {number[]} positions  @param {{at?: number, kept?: number[], dropped?: number[]}} [before] earlier decisions */
  constructor(positions, { at = 0, kept = [], dropped = [] } = {}) {
    this.positions = positions
    this.at = Math.min(at, positions.length)
    this.verdicts = new Map([...kept.map(clip => [clip, "keep"]), ...dropped.map(clip => [clip, "drop"])])
    this.past = []
  }

  /** The current clip, or null at the end. */
  get now() {
    return this.positions[this.at] ?? null
  }

  get next() {
    return this.positions[this.at + 1] ?? null
  }

  count(verdict) {
    return [...this.verdicts.values()].filter(other => other === verdict).length
  }

  /** Decides about the current clip (`keep`, `drop` or `skip`) and goes to the next. Returns the message for Python, or null at the end. */
  decide(verdict, heard) {
    const clip = this.now
    if (clip === null) return null
    this.past.push([clip, this.verdicts.get(clip)])
    if (verdict === "skip") this.verdicts.delete(clip)
    else this.verdicts.set(clip, verdict)
    this.at += 1
    return { kind: verdict, position: clip, heard, at: this.at }
  }

  /** Goes to the next clip without a decision. */
  pass() {
    if (this.now === null) return
    this.past.push([this.now, this.verdicts.get(this.now)])
    this.at += 1
  }

  /** Undoes the last step. Returns the message for Python, or null if there is nothing to undo. */
  undo() {
    const step = this.past.pop()
    if (!step) {
      if (!this.at) return null
      this.at -= 1 // a row that was continued: its earlier steps are not known
      this.verdicts.delete(this.now)
      return { kind: "undo", position: this.now, heard: false, at: this.at }
    }
    const [clip, before] = step
    this.at = this.positions.indexOf(clip)
    if (before) this.verdicts.set(clip, before)
    else this.verdicts.delete(clip)
    return before ? { kind: before, position: clip, heard: false, at: this.at } : { kind: "undo", position: clip, heard: false, at: this.at }
  }

  /** The kept clips have been labelled: their decisions are removed. */
  labelled() {
    for (const [clip, verdict] of this.verdicts) if (verdict === "keep") this.verdicts.delete(clip)
  }
}
