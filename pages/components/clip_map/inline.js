// The few lines Streamlit sends with every run (`js=`); everything else comes, once, from the hashed address in data.assets.
export default async function (component) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  try {
    return (await import(root + component.data.assets + "map.js")).mount(component)
  } catch (error) {
    const note = component.parentElement.appendChild(document.createElement("p"))
    note.textContent = `The map could not be loaded: ${error.message}. Reload the page to try again.`
  }
}
