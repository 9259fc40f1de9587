// Streamlit sends this script with every run. It loads the list once, from the hashed address in data.assets.
export default async function (component) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  // while the script loads, a later run may call this as well: only the latest call mounts
  const place = component.parentElement, turn = place.hoverTurn = (place.hoverTurn ?? 0) + 1
  const element = await import(root + component.data.assets + "list.js")
  if (turn === place.hoverTurn) return element.mount(component, root)
}
