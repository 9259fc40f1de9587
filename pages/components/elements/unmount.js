/**
 * What `mount` answers: Streamlit calls it when the element goes away; and also, when two runs follow each other closely, for a call that a
 * later one has overtaken. Then the element stands in its place still, and stays: else it would be built anew, or be missing until the next run.
 *
 * @param mounted the elements of this kind by their place: a WeakMap
 * @param close takes `mounted.get(place)` away
 */
export function unmounter(mounted, place, close) {
  const element = mounted.get(place)
  return () => {
    if (place.isConnected || mounted.get(place) !== element) return
    mounted.delete(place)
    close(element)
  }
}
