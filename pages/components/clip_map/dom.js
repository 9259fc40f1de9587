/** Makes elements of the page. */

/** An element: make("button.name", {attributes}, children or text…). Functions become listeners. */
export function make(kind, attributes = {}, ...children) {
  const [tag, ...names] = kind.split(".")
  const element = document.createElement(tag)
  element.className = names.map(name => `clip-map-${name}`).join(" ")
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value)
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}
