/** Finds points in a polygon and points near a place, exactly. No DOM. */
import { NOWHERE } from "./codec.js"

/**
 * Whether a point lies in a polygon: even-odd rule, half-open. In float64, edge by edge from vertex j = i - 1 to vertex i, the point changes sides when
 * `(yi > y) != (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi`. A left or lower border belongs to the polygon, a right or upper one does not.
 * Tests compute the same operations in the same order in Python (`tests/browser/acts.py`), and compare clip by clip.
 */
export function inPolygon(x, y, polygon) {
  let inside = false
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i], [xj, yj] = polygon[j]
    if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

const SLABS = 1024

/**
 * inPolygon for every clip of a base, fast: each clip meets only the edges that cross its slab of y; the others cannot change its side.
 * @param {Uint8Array|null} among only these clips (non-zero), all when null
 * @param {Uint8Array} marks [shape (n)] receives 1 for a clip in the polygon, else 0
 * @param {number} [every] look only at every n-th clip, for an estimate
 * @returns {number} the number of clips found
 */
export function findInPolygon(polygon, base, among, marks, every = 1) {
  marks.fill(0)
  const corners = polygon.length
  if (corners < 3) return 0
  let west = Infinity, east = -Infinity, south = Infinity, north = -Infinity
  for (const [x, y] of polygon) {
    if (x < west) west = x
    if (x > east) east = x
    if (y < south) south = y
    if (y > north) north = y
  }
  // The quotient may round past the outermost vertex: keep a margin, the edges decide.
  const margin = (east - west) * 1e-9
  west -= margin
  east += margin
  const perSlab = SLABS / (north - south || 1)
  // Not decreasing in y, also after rounding: an edge is in the slab of every y that it spans.
  const slab = y => Math.min(SLABS - 1, Math.max(0, Math.floor((y - south) * perSlab)))
  const starts = new Int32Array(SLABS + 1)
  const spans = []
  for (let i = 0, j = corners - 1; i < corners; j = i++) {
    const a = slab(Math.min(polygon[i][1], polygon[j][1])), b = slab(Math.max(polygon[i][1], polygon[j][1]))
    spans.push([a, b])
    for (let s = a; s <= b; s++) starts[s + 1]++
  }
  for (let s = 0; s < SLABS; s++) starts[s + 1] += starts[s]
  const next = starts.slice(0, SLABS)
  const edges = new Float64Array(4 * starts[SLABS])
  for (let i = 0, j = corners - 1; i < corners; j = i++) {
    for (let s = spans[i][0]; s <= spans[i][1]; s++) edges.set([...polygon[i], ...polygon[j]], 4 * next[s]++)
  }
  const { n, places, xs, ys } = base
  let count = 0
  for (let clip = 0; clip < n; clip += every) {
    if (among && !among[clip]) continue
    const step = places[2 * clip]
    if (step === NOWHERE) continue
    const x = xs[step], y = ys[places[2 * clip + 1]]
    if (x < west || x > east || y < south || y > north) continue
    const s = slab(y)
    let inside = 0
    for (let at = 4 * starts[s], end = 4 * starts[s + 1]; at < end; at += 4) {
      const yi = edges[at + 1], yj = edges[at + 3]
      if ((yi > y) !== (yj > y) && x < (edges[at + 2] - edges[at]) * (y - yi) / (yj - yi) + edges[at]) inside ^= 1
    }
    marks[clip] = inside
    count += inside
  }
  return count
}

/** The corners of a stroke {kind, points} on the map: a box is a polygon with four corners. */
export function cornersOf({ kind, points }) {
  if (kind !== "select") return points
  const [x0, y0] = points[0], [x1, y1] = points.at(-1)
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
}

/** The clips of a base sorted into square cells, to find clips near a place without visiting all clips. */
export class Grid {
  constructor(base) {
    const { n, places } = base
    let bits = 4
    while (bits < 9 && 4 ** bits * 4 < n) bits++
    this.places = places
    this.bits = bits
    this.shift = 16 - bits
    const cells = 4 ** bits
    const starts = new Int32Array(cells + 1)
    for (let clip = 0; clip < n; clip++) if (places[2 * clip] !== NOWHERE) starts[this.#cell(clip) + 1]++
    for (let cell = 0; cell < cells; cell++) starts[cell + 1] += starts[cell]
    const next = starts.slice(0, cells)
    this.clips = new Int32Array(starts[cells])
    for (let clip = 0; clip < n; clip++) if (places[2 * clip] !== NOWHERE) this.clips[next[this.#cell(clip)]++] = clip
    this.starts = starts
  }

  #cell(clip) {
    return (this.places[2 * clip + 1] >> this.shift << this.bits) + (this.places[2 * clip] >> this.shift)
  }

  /**
   * Calls visit(clip, distance squared in pixels) for each clip within `radius` pixels.
   * @param x, y the place in steps of the base (0 to 65534, fractions allowed); perX, perY pixels for one step
   */
  around(x, y, perX, perY, radius, visit) {
    const top = (1 << this.bits) - 1
    const cell = value => Math.min(top, Math.max(0, Math.floor(value / 2 ** this.shift)))
    const reachX = radius / Math.abs(perX), reachY = radius / Math.abs(perY)
    const west = cell(x - reachX), east = cell(x + reachX)
    for (let row = cell(y - reachY), last = cell(y + reachY); row <= last; row++) {
      // cells of one row lie side by side: their clips are one run
      for (let at = this.starts[(row << this.bits) + west], end = this.starts[(row << this.bits) + east + 1]; at < end; at++) {
        const clip = this.clips[at]
        const dx = (this.places[2 * clip] - x) * perX, dy = (this.places[2 * clip + 1] - y) * perY
        const distance = dx * dx + dy * dy
        if (distance <= radius * radius) visit(clip, distance)
      }
    }
  }

  /** The `k` nearest clips within `radius` pixels, nearest first; only those that `among` marks. */
  nearest(x, y, perX, perY, radius, k, among) {
    const best = []
    this.around(x, y, perX, perY, radius, (clip, distance) => {
      if (!among[clip] || (best.length === k && distance >= best[k - 1].distance)) return
      let at = best.length
      while (at && best[at - 1].distance > distance) at--
      best.splice(at, 0, { clip, distance })
      if (best.length > k) best.pop()
    })
    return best.map(({ clip }) => clip)
  }
}

/** The rectangle [x0, x1, y0, y1] around the clips with a place for which `among(clip)` is true; x0 > x1 if there is none. */
export function extentOf({ n, places, xs, ys }, among) {
  let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity
  for (let clip = 0; clip < n; clip++) {
    if (places[2 * clip] === NOWHERE || !among(clip)) continue
    const x = xs[places[2 * clip]], y = ys[places[2 * clip + 1]]
    if (x < x0) x0 = x
    if (x > x1) x1 = x
    if (y < y0) y0 = y
    if (y > y1) y1 = y
  }
  return [x0, x1, y0, y1]
}
