/** The style sheet of an element: loaded once for the page, and nothing is seen of the element before it is there. */
const loaded = new Map() // by address

/** Loads the sheet at an address; hides `element` until it has come, or failed. Resolves then. */
export function style(address, element) {
  if (!loaded.has(address)) {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address })
    const sheet = { done: false }
    sheet.coming = new Promise(done => { link.onload = link.onerror = done }).then(() => { sheet.done = true })
    loaded.set(address, sheet)
    document.head.append(link)
  }
  const sheet = loaded.get(address)
  if (!sheet.done) {
    element.style.visibility = "hidden"
    sheet.coming.then(() => { element.style.visibility = "" })
  }
  return sheet.coming
}
