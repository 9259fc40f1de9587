/** A map without a page: real Clips, the real line to Python with a real outbox, and note-books in place of what draws. */
import { PageLink } from "../../pages/components/clip_map/page_link.js"
import { Clips } from "../../pages/components/clip_map/clips.js"
import { decodeBase, encodeSet } from "../../pages/components/clip_map/codec.js"
import { Outbox } from "../../pages/components/elements/outbox.js"
import { base } from "./base.mjs"

export const N = 6

/** Six clips in a row from west to east at (0, 0), (1, 0) … (5, 0); the whole plane is 65534 wide and high. */
export function clips() {
  return new Clips(decodeBase(base({ n: N, x0: 0, x1: 65534, y0: 0, y1: 65534, missing: 0 }, Array.from({ length: N }, (_, clip) => [clip, 0]).flat())))
}

export function mask(...positions) {
  const marks = new Uint8Array(N)
  for (const position of positions) marks[position] = 1
  return marks
}

export const set = (...positions) => encodeSet(mask(...positions))
export const positions = marks => [...marks.keys()].filter(clip => marks[clip])

/** The line to Python after a first run that said `data`; `acts` answers what Python has been told and has not acknowledged. */
export function connect(data) {
  let triggers = []
  const link = new PageLink(new Outbox(), () => "http://app/")
  const run = news => link.update({ data: { ...link.data, ...news }, setTriggerValue: (_, text) => { triggers = JSON.parse(text).acts } })
  run({ map: "map/7?clips=6", journal: "journal/1", clips: "clips/1/", column: "column/1/", columns: "columns/1", axes: [{ key: "0", title: "first" }, { key: "1", title: "second" }], revision: 0, attempts: 0, keys: [], listens: true, ...data })
  return { link, run, acts: () => triggers.map(([, act]) => act) }
}

/** Something whose methods only write down that they were called: `calls` [[name, …arguments]]. */
export function notebook(...names) {
  const calls = []
  return Object.assign({ calls }, Object.fromEntries(names.map(name => [name, (...what) => { calls.push([name, ...what]) }])))
}
