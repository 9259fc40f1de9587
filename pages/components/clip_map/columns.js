/** Columns of the data set as facets, fetched when somebody colours or filters by them. */
import { decodeColumn } from "./facets.js"

/** Columns whose values change with the labels or the sounds, beside those of the table. */
export const LIVE = new Set(["predicted", "annotator", "how", "duration"])

/** What there is: [{key, title, kind}]; nothing where the server refuses. */
export async function offered(address, signal) {
  const answer = await fetch(address, { signal, cache: "no-store" })
  return answer.ok ? answer.json() : []
}

/** One column as a facet of `n` clips. */
export async function column(address, { key, title }, n, signal) {
  const answer = await fetch(new URL(encodeURIComponent(key), address), { signal, cache: "no-store" })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  return decodeColumn(await answer.arrayBuffer(), key, title, n)
}
