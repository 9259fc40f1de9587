const END = 7 // letters that are always shown

/** A name in two parts, of which the first gives way where it is narrow: names differ at their end. */
export function halves(name) {
  const letters = [...name], end = Math.max(0, letters.length - END)
  return [letters.slice(0, end).join(""), letters.slice(end).join("")]
}
