// The few lines Streamlit sends with every run; the element itself comes, once, from the hashed address in data.assets.
export default async function (component) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  // while the script is on its way a later run may call as well, and must not be overtaken by this one
  const place = component.parentElement, turn = place.hoverTurn = (place.hoverTurn ?? 0) + 1
  const element = await import(root + component.data.assets + "hands_free.js")
  if (turn === place.hoverTurn) return element.mount(component, root)
}
