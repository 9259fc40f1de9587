/** Style sheets of elements: each is loaded once for the page, and its element stays hidden until then. */
const sheets = new Map() // by address

/** Loads the sheet at an address and hides `element` until it is loaded, or has failed. The promise resolves then. */
export function style(address, element) {
  if (!sheets.has(address)) {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address })
    const sheet = { done: false }
    sheet.loaded = new Promise(done => { link.onload = link.onerror = done }).then(() => { sheet.done = true })
    sheets.set(address, sheet)
    document.head.append(link)
  }
  const sheet = sheets.get(address)
  if (!sheet.done) {
    element.style.visibility = "hidden"
    sheet.loaded.then(() => { element.style.visibility = "" })
  }
  return sheet.loaded
}
