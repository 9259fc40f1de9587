// The few lines Streamlit sends with every run; the element itself comes, once, from the hashed address in data.assets.
export default async function (component) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  return (await import(root + component.data.assets + "hands_free.js")).mount(component, root)
}
