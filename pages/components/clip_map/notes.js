/** The notes of a map: that it is only a first sketch, and which clips it does not show. No DOM. */

/**
 * The notes as sentences, the most important first.
 * @param {Clips} clips; @param {string|null} placeholder the sentence for a map that is only a first sketch
 * @param {{x, y}} axes titles of the axes
 */
export function notesOf(clips, placeholder, axes) {
  const { missing, without: [x, y] = [0, 0] } = clips.base
  return [
    placeholder,
    clips.n ? "" : "No clips yet",
    missing ? `${many(missing)} no place on this map yet` : "",
    x ? `${many(x)} no value for ${axes.x}` : "",
    y && axes.y !== axes.x ? `${many(y)} no value for ${axes.y}` : "",
    clips.placed && !clips.drawn ? "The filters hide every clip" : "",
  ].filter(Boolean)
}

const many = count => `${count.toLocaleString("en-US")} ${count === 1 ? "clip has" : "clips have"}`
