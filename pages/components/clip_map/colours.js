/** The colour and the layer of each clip, and the entries of the legend. */
import { legible, pack } from "./paint.js"

const MOST_IN_SIGHT = 30 // with more labels the unlabelled come first, to stay in sight
const CONFIDENCE_STEPS = 8 // that a person can tell apart

// viridis (van der Walt and Smith 2015, CC0): even steps of lightness, also for the colour-blind; the end that is too close to the colour of the page is cut off
const VIRIDIS = "440154 482173 433e85 38598c 2d708e 25858e 1e9b8a 2bb07f 51c56a 85d54a c2df23 fde725".split(" ").map(hex => [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)))

/** The colour [r, g, b] of a share from 0 to 1, on a dark or light ground. */
export function rampColour(share, dark) {
  const place = (dark ? 0.14 + 0.86 * share : 0.9 * share) * (VIRIDIS.length - 1)
  const low = Math.min(VIRIDIS.length - 2, Math.floor(place)), between = place - low
  return VIRIDIS[low].map((value, at) => Math.round(value + (VIRIDIS[low + 1][at] - value) * between))
}

export const isDark = theme => theme.ground[0] + theme.ground[1] + theme.ground[2] < 384

/** Fills colours [shape (n), uint32 as 0xbbggrr] by a facet. Clips without a value get the theme's grey. */
export function fillColours(colours, facet, theme) {
  const grey = pack(theme.grey)
  if (facet.kind === "numeric") {
    const { values, min, max } = facet, per = 255 / (max - min || 1)
    const ramp = Uint32Array.from({ length: 256 }, (_, step) => pack(rampColour(step / 255, isDark(theme))))
    for (let clip = 0; clip < colours.length; clip++) {
      const value = values[clip]
      colours[clip] = value === value ? ramp[Math.max(0, Math.min(255, (value - min) * per | 0))] : grey
    }
    return
  }
  const { codes } = facet
  const palette = new Uint32Array(2 + facet.largestKey).fill(grey) // the key of unlabelled is −1
  for (const [key, { colour }] of facet.entries) if (colour) palette[key + 1] = pack(legible(colour, theme))
  for (let clip = 0; clip < colours.length; clip++) colours[clip] = palette[codes[clip] + 1] ?? grey
}

/** How strongly each clip is drawn, in steps from 1 to 8, or null if the facet has no confidence [shape (n), uint8]. */
export function strengthsOf(facet) {
  return facet.confidence ? Uint8Array.from(facet.confidence, value => Math.max(1, Math.ceil(value / 256 * CONFIDENCE_STEPS))) : null
}

/** Fills ranks [shape (n), uint8]: 0 not drawn, 1 without colour, 2 with colour, 3 and 4 the same but selected. Higher ranks are drawn later. */
export function fillRanks(ranks, clips, facet) {
  const { n, shown, selected } = clips
  if (facet.kind === "numeric") {
    const { values } = facet
    for (let clip = 0; clip < n; clip++) ranks[clip] = shown[clip] && (1 + (values[clip] === values[clip]) + 2 * selected[clip])
    return
  }
  const { codes } = facet, none = facet.key === "subset" ? 0 : facet.none
  for (let clip = 0; clip < n; clip++) ranks[clip] = shown[clip] && (1 + (codes[clip] !== none) + 2 * selected[clip])
}

const inWords = new Intl.Collator(undefined, { numeric: true }).compare // take 2 comes before take 10

/**
 * A legend's entries [{key, name, colour, count, on, hollow}]: subsets in their order, all else by counts.
 * A value without clips is left out, unless it is hidden or the only one shown: otherwise a person could not show it, or all others, again.
 * While only one value is shown, the others are not hidden one by one: of those, values without clips are left out, so that no entry moves under the mouse.
 */
export function legendOf(facet, counts, theme) {
  const entry = (key, name, colour, hollow = false) => ({ key, name, colour, count: counts.get(key) ?? 0, on: facet.shows(key), hollow })
  const entries = [...facet.entries].map(([key, { name, colour }]) => entry(key, name, colour ? legible(colour, theme) : theme.grey))
  const isListed = ({ key, count, on }) => count > 0 || (facet.only === null ? !on : facet.only === key)
  const list = entries.filter(isListed)
  if (facet.key === "subset") return list
  list.sort((a, b) => b.count - a.count || (facet.key === "label" ? a.key - b.key : inWords(a.name, b.name)))
  const without = entry(facet.none, facet.nothing, theme.grey, true)
  if (!isListed(without)) return list
  return list.length > MOST_IN_SIGHT ? [without, ...list] : [...list, without]
}
