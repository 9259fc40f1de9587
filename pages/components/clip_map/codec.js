/** The map codec: the app's root address, the base of a map, and sets of clips as few bytes. The server's half is pages/server/map_codec.py. No DOM. */

/** A clip with this x has no place. If its y is 65535 it is not on the map; if its y is 0 it has no value for an axis. */
export const NOWHERE = 65535
const STEPS = 65534

/**
 * The address of the app, ending in "/", also if the app is served below a path such as /~/+/.
 * It is read from Streamlit's own script tag, because the address of a page (…/label) does not tell it.
 */
export function siteRoot(page = document) {
  const script = page.querySelector('script[type="module"][src*="static/js/index"]')
  return script ? script.src.split("static/js/index")[0] : new URL(".", page.location.href).href
}

/**
 * Decodes a base: the places of all clips of an embedding, in the dataset's fixed clip order.
 * Bytes: uint32 L, then L bytes of JSON {n, x0, x1, y0, y1, part, missing, without: [x, y]} padded with spaces to a multiple of 4 in all, then n × (uint16 x, uint16 y).
 * @param {ArrayBuffer} buffer
 * @returns {{n, part, missing, without, x0, x1, y0, y1, places: Uint16Array, xs: Float64Array, ys: Float64Array}}
 *   places [shape (2n)] as sent; xs and ys [shape 65535] the real coordinate of each step, exactly `x0 + step / 65534 * (x1 - x0)` in float64.
 * @throws {Error} when the bytes are not a base
 */
export function decodeBase(buffer) {
  if (buffer.byteLength < 4) throw new Error(`the map has ${buffer.byteLength} bytes, not even a header`)
  const length = new DataView(buffer).getUint32(0, true)
  if (length > buffer.byteLength - 4) throw new Error(`the map's header claims ${length} of ${buffer.byteLength} bytes`)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const { n } = header
  const start = 4 + length
  if (!Number.isInteger(n) || n < 0 || start % 2 || buffer.byteLength - start < 4 * n) {
    throw new Error(`the map has ${buffer.byteLength - start} bytes of places, not 4 × ${n}`)
  }
  return { ...header, places: new Uint16Array(buffer, start, 2 * n), xs: scale(header.x0, header.x1), ys: scale(header.y0, header.y1) }
}

function scale(low, high) {
  const values = new Float64Array(STEPS + 1)
  for (let step = 0; step <= STEPS; step++) values[step] = low + step / STEPS * (high - low)
  return values
}

/**
 * Encodes a set of clips as base64: a first byte 0 and the sorted positions as LEB128 gaps (the first one absolute),
 * or a first byte 1 and a bit for each position from 0 on, lowest bit first; whichever is shorter.
 * @param {Uint8Array} mask [shape (n)] non-zero where a clip belongs to the set
 */
export function encodeSet(mask) {
  let deltas = 0, last = 0, before = 0, any = false
  for (let position = 0; position < mask.length; position++) {
    if (!mask[position]) continue
    deltas += width(any ? position - before : position)
    before = last = position
    any = true
  }
  const bits = any ? (last >> 3) + 1 : 0
  const bytes = new Uint8Array(1 + Math.min(deltas, bits))
  if (deltas <= bits) {
    let at = 1
    before = 0
    for (let position = 0; at < bytes.length; position++) {
      if (!mask[position]) continue
      let gap = position - before
      before = position
      while (gap > 127) { bytes[at++] = gap & 127 | 128; gap >>>= 7 }
      bytes[at++] = gap
    }
  } else {
    bytes[0] = 1
    for (let position = 0; position <= last; position++) if (mask[position]) bytes[1 + (position >> 3)] |= 1 << (position & 7)
  }
  return toBase64(bytes)
}

function width(gap) {
  return gap < 128 ? 1 : gap < 16384 ? 2 : gap < 2097152 ? 3 : gap < 268435456 ? 4 : 5
}

/**
 * Calls visit(position) for each clip of an encoded set, in ascending order; positions from n on are left out.
 * @throws {Error} when the first byte is neither 0 nor 1
 */
export function eachOf(encoded, n, visit) {
  const bytes = fromBase64(encoded)
  if (bytes[0] === 0) {
    let position = 0, gap = 0, shift = 0
    for (let at = 1; at < bytes.length; at++) {
      gap += (bytes[at] & 127) * 2 ** shift
      if (bytes[at] & 128) { shift += 7; continue }
      position += gap
      if (position >= n) return
      visit(position)
      gap = shift = 0
    }
  } else if (bytes[0] === 1) {
    for (let at = 1; at < bytes.length; at++) {
      if (!bytes[at]) continue
      for (let bit = 0; bit < 8; bit++) {
        if (!(bytes[at] >> bit & 1)) continue
        const position = (at - 1) * 8 + bit
        if (position >= n) return
        visit(position)
      }
    }
  } else if (bytes.length) {
    throw new Error(`a set starts with byte ${bytes[0]}, neither 0 (gaps) nor 1 (bits)`)
  }
}

/** An encoded set as a mask [shape (n), 0 or 1]. */
export function decodeSet(encoded, n) {
  const mask = new Uint8Array(n)
  eachOf(encoded, n, position => { mask[position] = 1 })
  return mask
}

function toBase64(bytes) {
  let text = ""
  // fromCharCode takes its bytes as arguments: 32,768 at a time stay below every engine's limit
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768))
  return btoa(text)
}

function fromBase64(text) {
  const raw = atob(text)
  const bytes = new Uint8Array(raw.length)
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at)
  return bytes
}
