/** Which colour and which layer each clip has, and what the legend says about it. */
import { SUBSETS, UNLABELLED } from "./clips.js"
import { legible, pack } from "./paint.js"

const MOST_IN_SIGHT = 30 // with more labels than these the unlabelled come first, to stay in sight
const SUBSET_COLOURS = ["#8a8f98", "#0072b2", "#e69f00", "#cc79a7"]

/** Fills colours [shape (n), uint32 as 0xbbggrr] by "label" or "subset". What has none is the theme's grey. */
export function fillColours(colours, clips, by, theme) {
  const grey = pack(theme.grey)
  if (by === "subset") {
    const four = SUBSET_COLOURS.map((colour, subset) => subset ? pack(legible(colour, theme)) : grey)
    for (let clip = 0; clip < clips.n; clip++) colours[clip] = four[clips.subsets[clip]] ?? grey
    return
  }
  const known = new Map([...clips.labels].map(([code, { colour }]) => [code, pack(legible(colour, theme))]))
  let code = UNLABELLED, colour = grey
  for (let clip = 0; clip < clips.n; clip++) {
    // neighbours in the table often carry one label: look it up only when it changes
    if (clips.codes[clip] !== code) colour = known.get(code = clips.codes[clip]) ?? grey
    colours[clip] = colour
  }
}

/** Fills ranks [shape (n), uint8]: 0 not drawn, 1 without colour, 2 with, 3 and 4 the same selected. Higher ranks are drawn later. */
export function fillRanks(ranks, clips, by) {
  const { n, shown, selected, codes, subsets } = clips
  const bySubset = by === "subset"
  for (let clip = 0; clip < n; clip++) {
    ranks[clip] = shown[clip] && (1 + (bySubset ? subsets[clip] > 0 : codes[clip] !== UNLABELLED) + 2 * selected[clip])
  }
}

/** The legend's entries [{key, name, colour, count, on}]: subsets in their order, labels by their counts. */
export function legendOf(clips, counts, by, theme) {
  if (by === "subset") {
    return SUBSETS.map((name, subset) => ({
      key: subset, name, count: counts.subsets[subset], on: clips.subsetShown[subset], colour: subset ? legible(SUBSET_COLOURS[subset], theme) : theme.grey,
    }))
  }
  const entry = (key, name, colour) => ({ key, name, colour, count: counts.labels.get(key), on: clips.labelShown(key) })
  const labels = [...clips.labels].map(([code, { name, colour }]) => entry(code, name, legible(colour, theme)))
  labels.sort((a, b) => b.count - a.count || a.key - b.key)
  const unlabelled = entry(UNLABELLED, "unlabelled", theme.grey)
  return labels.length > MOST_IN_SIGHT ? [unlabelled, ...labels] : [...labels, unlabelled]
}
