const END = 7 // letters that are always visible

/** A name in two parts. In a narrow list the first part is shortened, because names differ at their end. */
export function halves(name) {
  const letters = [...name], end = Math.max(0, letters.length - END)
  return [letters.slice(0, end).join(""), letters.slice(end).join("")]
}
