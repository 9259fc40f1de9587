/** The bytes of a base as the server makes them: header (uint32 length, JSON padded to 4), then uint16 places. */
export function base(header, places) {
  let text = JSON.stringify(header)
  text += " ".repeat((4 - (text.length + 4) % 4) % 4)
  const bytes = new Uint8Array(4 + text.length + 2 * places.length)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(new TextEncoder().encode(text), 4)
  new Uint16Array(bytes.buffer, 4 + text.length).set(places)
  return bytes.buffer
}
