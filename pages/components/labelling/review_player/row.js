/** A row of clips that are judged one after the other: where it is, what was decided, what can be undone. Knows no page. */

export const ENOUGH_S = 0.5 // a clip counts as heard after so long, or after half of it

/** Whether a sound was truly heard: half a second of it, or half of it, or all. */
export function isHeard(played_s, duration_s, ended) {
  if (ended) return true
  const enough = duration_s > 0 ? Math.min(ENOUGH_S, duration_s / 2) : ENOUGH_S
  return played_s > 0 && played_s >= enough
}

export class Row {
  /** @param {number[]} positions  @param {{at?: number, kept?: number[], dropped?: number[]}} [before] what was decided already */
  constructor(positions, { at = 0, kept = [], dropped = [] } = {}) {
    this.positions = positions
    this.at = Math.min(at, positions.length)
    this.verdicts = new Map([...kept.map(clip => [clip, "keep"]), ...dropped.map(clip => [clip, "drop"])])
    this.past = []
  }

  /** The clip that is on, or null at the end. */
  get now() {
    return this.positions[this.at] ?? null
  }

  get next() {
    return this.positions[this.at + 1] ?? null
  }

  count(verdict) {
    return [...this.verdicts.values()].filter(found => found === verdict).length
  }

  /** Decides about the clip that is on, and goes to the next: `keep`, `drop` or `skip`. The act for Python, or null at the end. */
  decide(verdict, heard) {
    const clip = this.now
    if (clip === null) return null
    this.past.push([clip, this.verdicts.get(clip)])
    if (verdict === "skip") this.verdicts.delete(clip)
    else this.verdicts.set(clip, verdict)
    this.at += 1
    return { kind: verdict, position: clip, heard, at: this.at }
  }

  /** Goes on without a decision. */
  pass() {
    if (this.now === null) return
    this.past.push([this.now, this.verdicts.get(this.now)])
    this.at += 1
  }

  /** Takes the newest step back. The act for Python, or null if there is nothing to take back. */
  undo() {
    const step = this.past.pop()
    if (!step) {
      if (!this.at) return null
      this.at -= 1 // a row that was taken up again
      this.verdicts.delete(this.now)
      return { kind: "undo", position: this.now, heard: false, at: this.at }
    }
    const [clip, before] = step
    this.at = this.positions.indexOf(clip)
    if (before) this.verdicts.set(clip, before)
    else this.verdicts.delete(clip)
    return before ? { kind: before, position: clip, heard: false, at: this.at } : { kind: "undo", position: clip, heard: false, at: this.at }
  }

  /** What was kept has been labelled: it is decided no longer. */
  labelled() {
    for (const [clip, verdict] of this.verdicts) if (verdict === "keep") this.verdicts.delete(clip)
  }
}
