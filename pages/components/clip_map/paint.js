/**
 * Draws the points of the map: a small software rasteriser on a 2-D canvas.
 * A million points take about 50 ms on one core; software WebGL takes seconds, and a fill call for each point half a second.
 * Points are blended, so that dense places look dense. Order: unlabelled, labelled, then selected points on top.
 */

const PAD = 24  // pixels around the picture, so that no pixel of a point at the border needs a test
const EDGE = 18 // greatest reach of a stamp
const STRENGTHS = 8

/** A view of the map: a rectangle of the plane that fills a box of CSS pixels. North is up. */
export class View {
  constructor([x0, x1], [y0, y1], width, height) {
    Object.assign(this, { x0, x1, y0, y1, width, height })
  }
  toPixel(x, y) {
    return [(x - this.x0) / (this.x1 - this.x0) * this.width, (this.y1 - y) / (this.y1 - this.y0) * this.height]
  }
  toPlane(px, py) {
    return [this.x0 + px / this.width * (this.x1 - this.x0), this.y1 - py / this.height * (this.y1 - this.y0)]
  }
  /** The ranges {x, y} after the plane was dragged by (dx, dy) pixels. */
  dragged(dx, dy) {
    const x = dx / this.width * (this.x1 - this.x0), y = dy / this.height * (this.y1 - this.y0)
    return { x: [this.x0 - x, this.x1 - x], y: [this.y0 + y, this.y1 + y] }
  }
  same(other) {
    return other && ["x0", "x1", "y0", "y1", "width", "height"].every(key => this[key] === other[key])
  }
}

/** [red, green, blue] of any CSS colour, or of `fallback` if the browser does not know it. */
export function colourOf(css, fallback) {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  probe.fillStyle = fallback
  probe.fillStyle = css || fallback
  probe.fillRect(0, 0, 1, 1)
  return [...probe.getImageData(0, 0, 1, 1).data.subarray(0, 3)]
}

/** The colours {ground, ink} [red, green, blue] of the page at an element. */
export function themeOf(element) {
  const style = getComputedStyle(element)
  const value = name => style.getPropertyValue(name).trim()
  return { ground: colourOf(value("--st-background-color"), "#ffffff"), ink: colourOf(value("--st-text-color"), "#31333f") }
}

export const mix = (a, b, share) => a.map((value, at) => Math.round(value + (b[at] - value) * share))

export const css = colour => `rgb(${colour.join(" ")})`

const hex = text => [1, 3, 5].map(at => parseInt(text.slice(at, at + 2), 16))

function luminance(colour) {
  const [r, g, b] = colour.map(value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/**
 * A label's colour as map, legend, bar and list show it: changed if it is too close to the ground, as black is on a dark theme.
 * Greys then become nearly the ink, because a slightly lighter grey would look like unlabelled; other colours keep their hue.
 */
export function legible(colour, theme) {
  let result = hex(colour)
  const ground = luminance(theme.ground)
  const contrast = () => {
    const [low, high] = [luminance(result), ground].sort((a, b) => a - b)
    return (high + 0.05) / (low + 0.05)
  }
  if (contrast() < 1.7 && Math.max(...result) - Math.min(...result) < 24) return mix(result, theme.ink, 0.95)
  for (let step = 0; step < 8 && contrast() < 1.7; step++) result = mix(result, theme.ink, 0.15)
  return result
}

export class Painter {
  /** @param {HTMLCanvasElement} canvas the visible canvas */
  constructor(canvas) {
    this.canvas = canvas
    this.context = canvas.getContext("2d", { alpha: false })
    this.raster = document.createElement("canvas")
    this.painted = null
    this.drawn = 0
    this.took = 0
  }

  /**
   * Draws every shown clip.
   * @param clips the Clips; @param view the View; @param theme {ground, ink, grey} as [r, g, b]
   * @param colours [shape (n), uint32 as 0xbbggrr]; @param ranks [shape (n), uint8] 0 not drawn, 1 unlabelled, 2 labelled, 3 and 4 the same but selected
   * @param strengths [shape (n), uint8] from 1, faint, to 8, full; null: all full
   */
  paint(clips, view, theme, colours, ranks, strengths = null) {
    const start_ms = performance.now()
    const ratio = Math.min(window.devicePixelRatio || 1, 2)
    const width = Math.max(1, Math.round(view.width * ratio)), height = Math.max(1, Math.round(view.height * ratio))
    if (this.image?.width !== width + 2 * PAD || this.image?.height !== height + 2 * PAD) {
      this.image = new ImageData(width + 2 * PAD, height + 2 * PAD)
      this.raster.width = width
      this.raster.height = height
    }
    const pixels = new Uint32Array(this.image.data.buffer)
    const ground = pack(theme.ground)
    pixels.fill(0xff000000 | ground)

    const stride = this.image.width
    const { n, places, x0, x1, y0, y1 } = clips.base
    const scaleX = (x1 - x0) / 65534 * width / (view.x1 - view.x0), shiftX = (x0 - view.x0) * width / (view.x1 - view.x0) + PAD
    const scaleY = -(y1 - y0) / 65534 * height / (view.y1 - view.y0), shiftY = (view.y1 - y0) * height / (view.y1 - view.y0) + PAD
    // the number of points that a window of this size would show at the mean density of the map
    const share = Math.min(1, Math.abs((view.x1 - view.x0) * (view.y1 - view.y0) / ((x1 - x0) * (y1 - y0) || 1)))
    const crowd = Math.max(1, n * share) * 600000 / Math.max(60000, view.width * view.height)
    const radius = clamp(6 - 1.2 * Math.log10(crowd / 100), 0.85, 4.8) * ratio
    const strength = clamp(1.55 - 0.2 * Math.log10(crowd), 0.34, 0.92)
    const steps = crowd < 60000 ? 4 : 1
    const rim = crowd < 15000 ? 0.8 * ratio : 0
    const some = clips.count > 0
    this.radius = radius / ratio
    // points that cover each other many times blend into one flat colour: count them, and shade dense places below
    const shift = ratio > 1.5 ? 3 : 2, columns = (stride >> shift) + 2
    const crowds = steps === 1 ? new Uint16Array(columns * ((this.image.height >> shift) + 2)) : null
    const pixelOf = crowds && this.#pixelOf(clips.base, view, { scaleX, shiftX, scaleY, shiftY, stride, bottom: height + 2 * PAD - EDGE })

    let drawn = 0
    for (let rank = 1; rank <= 4; rank++) {
      if (rank > 2 && !some) break
      const isSelected = rank > 2
      const size = isSelected && rim ? radius * 1.15 : radius
      const alpha = isSelected ? Math.min(1, strength * 1.5) : some ? strength * (crowds ? 0.17 : 0.28) : strength
      const edge = rim && !(some && !isSelected) ? rim : 0
      const stamps = makeStamps(size, edge, steps, stride, alpha)
      if (crowds && !strengths) {
        drawn += dots(pixels, pixelOf, ranks, rank, colours, stamps[0].body, isSelected || !some ? crowds : null, stride, columns, shift)
        continue
      }
      const fainter = strengths && Array.from({ length: STRENGTHS + 1 }, (_, strength) => makeStamps(size, strength === STRENGTHS ? edge : 0, steps, stride, alpha * Math.max(0.08, strength / STRENGTHS)))
      for (let clip = 0; clip < n; clip++) {
        if (ranks[clip] !== rank) continue
        const x = places[2 * clip] * scaleX + shiftX, y = places[2 * clip + 1] * scaleY + shiftY
        if (!(x >= EDGE && x < stride - EDGE && y >= EDGE && y < height + 2 * PAD - EDGE)) continue
        drawn++
        const left = x | 0, top = y | 0
        const stamp = (strengths ? fainter[strengths[clip]] : stamps)[steps === 1 ? 0 : ((y - top) * steps | 0) * steps + ((x - left) * steps | 0)]
        const at = top * stride + left
        if (crowds && (isSelected || !some)) crowds[(top >> shift) * columns + (left >> shift)]++
        if (stamp.rim) blend(pixels, at, stamp.rim, ground)
        blend(pixels, at, stamp.body, colours[clip])
      }
    }
    if (crowds) shade(pixels, stride, crowds, columns, shift, pack(theme.ink), 3 / strength * (1 << shift) ** 2 / (3.2 * radius * radius))
    this.raster.getContext("2d").putImageData(this.image, -PAD, -PAD)
    this.painted = view
    this.drawn = drawn
    this.show(view)
    this.took = performance.now() - start_ms
  }

  /** The pixel of each clip in the image, −1 for none. Labels change only colours, so the pixels are reused until the view changes. */
  #pixelOf(base, view, { scaleX, shiftX, scaleY, shiftY, stride, bottom }) {
    const { last } = this
    if (last?.base === base && last.stride === stride && view.same(last.view)) return last.pixels
    const { n, places } = base
    const pixels = new Int32Array(n)
    for (let clip = 0; clip < n; clip++) {
      const x = places[2 * clip] * scaleX + shiftX, y = places[2 * clip + 1] * scaleY + shiftY
      pixels[clip] = x >= EDGE && x < stride - EDGE && y >= EDGE && y < bottom ? (y | 0) * stride + (x | 0) : -1
    }
    this.last = { base, stride, view, pixels }
    return pixels
  }

  /** Shows the last painting moved and scaled to another view, as panning does until the next painting. */
  show(view, theme) {
    const { canvas, context, raster, painted } = this
    if (!painted) return
    if (canvas.width !== raster.width || canvas.height !== raster.height) {
      canvas.width = raster.width
      canvas.height = raster.height
    }
    if (view.same(painted)) return void context.drawImage(raster, 0, 0)
    const [left, top] = view.toPixel(painted.x0, painted.y1), [right, bottom] = view.toPixel(painted.x1, painted.y0)
    const kx = canvas.width / view.width, ky = canvas.height / view.height
    context.fillStyle = css(theme.ground)
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(raster, left * kx, top * ky, (right - left) * kx, (bottom - top) * ky)
  }
}

/** Draws the clips of one rank with the stamp for crowds, and counts them in `crowds`. Returns the number drawn. */
function dots(pixels, pixelOf, ranks, rank, colours, stamp, crowds, stride, columns, shift) {
  const square = stamp.shares.length === 9, [corner, side, , , middle] = stamp.shares
  let drawn = 0
  for (let clip = 0; clip < pixelOf.length; clip++) {
    if (ranks[clip] !== rank) continue
    const at = pixelOf[clip]
    if (at < 0) continue
    drawn++
    if (crowds) {
      const top = at / stride | 0
      crowds[(top >> shift) * columns + (at - top * stride >> shift)]++
    }
    const colour = colours[clip]
    if (!square) {
      blend(pixels, at, stamp, colour)
      continue
    }
    // the stamp of a large crowd has three by three pixels: mix corners, sides and middle once each
    const redBlue = colour & 0xff00ff, green = colour & 0x00ff00
    const cornerRed = Math.imul(redBlue, corner), cornerGreen = Math.imul(green, corner), sideRed = Math.imul(redBlue, side), sideGreen = Math.imul(green, side)
    const above = at - stride, below = at + stride
    put(pixels, above - 1, cornerRed, cornerGreen, 256 - corner)
    put(pixels, above, sideRed, sideGreen, 256 - side)
    put(pixels, above + 1, cornerRed, cornerGreen, 256 - corner)
    put(pixels, at - 1, sideRed, sideGreen, 256 - side)
    put(pixels, at, Math.imul(redBlue, middle), Math.imul(green, middle), 256 - middle)
    put(pixels, at + 1, sideRed, sideGreen, 256 - side)
    put(pixels, below - 1, cornerRed, cornerGreen, 256 - corner)
    put(pixels, below, sideRed, sideGreen, 256 - side)
    put(pixels, below + 1, cornerRed, cornerGreen, 256 - corner)
  }
  return drawn
}

/** Blends a colour over a pixel, red and blue in one multiplication. The colour is already multiplied by its share; `rest` of 256 parts of the pixel stay. */
function put(pixels, where, redBlue, green, rest) {
  const under = pixels[where]
  pixels[where] = 0xff000000
    | (redBlue + Math.imul(under & 0xff00ff, rest)) >>> 8 & 0xff00ff
    | (green + Math.imul(under & 0x00ff00, rest)) >>> 8 & 0x00ff00
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value))

export const pack = ([r, g, b]) => b << 16 | g << 8 | r

/**
 * Mixes up to 45 % of the ink into cells with more than `full` points, on a logarithmic scale, so that density shows where the colour is already full.
 * @param crowds [shape (rows × columns), uint16] points for each cell of 2^shift pixels
 */
function shade(pixels, stride, crowds, columns, shift, ink, full) {
  const rows = crowds.length / columns, size = 1 << shift
  const soft = new Float32Array(crowds.length)
  let most = 0
  for (let cell = columns + 1; cell < crowds.length - columns - 1; cell++) {
    const sides = crowds[cell - 1] + crowds[cell + 1] + crowds[cell - columns] + crowds[cell + columns]
    const corners = crowds[cell - columns - 1] + crowds[cell - columns + 1] + crowds[cell + columns - 1] + crowds[cell + columns + 1]
    soft[cell] = (4 * crowds[cell] + 2 * sides + corners) / 16
    if (soft[cell] > most) most = soft[cell]
  }
  if (most <= full) return
  const per = 0.45 * 256 / Math.max(Math.log(most / full), Math.log(8))
  for (let cell = 0; cell < soft.length; cell++) soft[cell] = soft[cell] > full ? per * Math.log(soft[cell] / full) : 0
  const inkRedBlue = ink & 0xff00ff, inkGreen = ink & 0x00ff00
  for (let row = 0; row < rows - 1; row++) {
    for (let column = 0; column < columns - 1; column++) {
      const cell = row * columns + column
      const a = soft[cell], b = soft[cell + 1], c = soft[cell + columns], d = soft[cell + columns + 1]
      if (!(a + b + c + d)) continue
      // from the middle of this cell to the middle of the next ones
      for (let y = 0; y < size; y++) {
        const left = a + (c - a) * y / size, right = b + (d - b) * y / size
        const line = (row * size + (size >> 1) + y) * stride + column * size + (size >> 1)
        for (let x = 0; x < size; x++) {
          const share = left + (right - left) * x / size | 0
          if (!share || line + x >= pixels.length) continue
          const under = pixels[line + x]
          pixels[line + x] = 0xff000000
            | (Math.imul(inkRedBlue, share) + Math.imul(under & 0xff00ff, 256 - share)) >>> 8 & 0xff00ff
            | (Math.imul(inkGreen, share) + Math.imul(under & 0x00ff00, 256 - share)) >>> 8 & 0x00ff00
        }
      }
    }
  }
}

/** For each of steps × steps places within a pixel: the pixels that a point touches, and by which share. */
function makeStamps(radius, rim, steps, stride, alpha) {
  const stamps = []
  for (let row = 0; row < steps; row++) {
    for (let column = 0; column < steps; column++) {
      const cx = steps === 1 ? 0.5 : (column + 0.5) / steps, cy = steps === 1 ? 0.5 : (row + 0.5) / steps
      stamps.push({ body: disc(cx, cy, radius, stride, alpha), rim: rim && disc(cx, cy, radius + rim, stride, alpha * 0.8) })
    }
  }
  return stamps
}

function disc(cx, cy, radius, stride, alpha) {
  const offsets = [], shares = []
  const reach = Math.ceil(radius + 1)
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const share = Math.round(256 * alpha * clamp(radius - Math.hypot(x + 0.5 - cx, y + 0.5 - cy) + 0.5, 0, 1))
      if (share > 6) { offsets.push(y * stride + x); shares.push(share) }
    }
  }
  return { offsets: Int32Array.from(offsets), shares: Int32Array.from(shares) }
}

/** Blends a stamp in one colour over the pixels. */
function blend(pixels, at, { offsets, shares }, colour) {
  const redBlue = colour & 0xff00ff, green = colour & 0x00ff00
  for (let k = 0; k < offsets.length; k++) put(pixels, at + offsets[k], Math.imul(redBlue, shares[k]), Math.imul(green, shares[k]), 256 - shares[k])
}
