/** What a map has to say of itself: what it is not yet, and whom it does not show. No DOM. */

/**
 * Sentences, the most important first.
 * @param {Clips} clips; @param {string|null} placeholder what to say of a map that is only a first look
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
