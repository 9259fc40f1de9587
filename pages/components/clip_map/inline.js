// Streamlit sends this script (`js=`) with every run. It loads the map once, from the hashed address in data.assets.
export default async function (component) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  const place = component.parentElement
  try {
    // while the script loads, a later run may call this as well: only the latest call mounts
    const turn = place.hoverTurn = (place.hoverTurn ?? 0) + 1
    const element = await import(root + component.data.assets + "map.js")
    place.hoverNote?.remove()
    if (turn === place.hoverTurn) return element.mount(component)
  } catch (error) {
    place.hoverNote?.remove()
    const note = place.hoverNote = place.appendChild(document.createElement("p"))
    note.textContent = `The map could not be loaded: ${error.message}. Reload the page to try again`
    if (!component.data.listens) return void note.append(".")
    const classic = document.createElement("button")
    classic.textContent = "Use the classic map"
    // the style sheet may be missing as well
    classic.style.cssText = "font: inherit; padding: 0.2rem 0.8rem; cursor: pointer; color: inherit; background: none; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 0.5rem)"
    classic.onclick = () => component.setTriggerValue("said", JSON.stringify({ from: `${Date.now()}`, acts: [[1, { kind: "classic" }]] }))
    note.append(", or switch to the classic map (also under Settings): ", classic)
  }
}
