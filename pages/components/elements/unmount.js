/**
 * The function that `mount` returns. Streamlit calls it when the element is removed, but also, when two runs follow each other closely, for the
 * earlier of two calls of `mount`. In that case the element is still in the page and must stay: otherwise it would be built again, or be missing until the next run.
 *
 * @param elements the elements of this kind by their place: a WeakMap
 * @param close removes the element of `place`
 */
export function unmounter(elements, place, close) {
  const element = elements.get(place)
  return () => {
    if (place.isConnected || elements.get(place) !== element) return
    elements.delete(place)
    close(element)
  }
}
