/** The labels as buttons with their colours and keys. Sends Python one trigger, "choose" (JSON {name, nonce}). */
import { unmounter } from "./unmount.js"
import { css, legible, themeOf } from "./paint.js"
import { style } from "./style.js"

const bars = new WeakMap() // by parentElement

/** Mounts or updates the bar in component.parentElement. */
export function mount(component, root) {
  const place = component.parentElement
  const { data } = component
  let bar = bars.get(place)
  if (!bar) {
    bar = document.createElement("div")
    bar.className = "label-bar"
    bar.setAttribute("role", "radiogroup")
    bar.setAttribute("aria-label", "Label")
    bars.set(place, bar)
    place.append(bar)
  }
  style(new URL(`${data.assets}bar.css`, root).href, bar)
  const theme = themeOf(bar)
  const content = JSON.stringify([data.labels, data.chosen, theme])
  const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.name : null
  if (bar.dataset.content !== content) bar.replaceChildren(...data.labels.map(([name, colour, key]) => button(bar, name, css(legible(colour, theme)), key, data.chosen)))
  bar.dataset.content = content
  bar.component = component
  // keep the focus on a label that was chosen by the keyboard
  if (focused !== null && !bar.contains(document.activeElement)) [...bar.children].find(one => one.dataset.name === focused)?.focus()
  return unmounter(bars, place, bar => bar.remove())
}

function button(bar, name, colour, key, chosen) {
  const one = document.createElement("button")
  one.type = "button"
  one.dataset.name = name
  one.setAttribute("role", "radio")
  one.setAttribute("aria-checked", String(name === chosen))
  const dot = document.createElement("i")
  dot.style.background = colour
  const word = document.createElement("span")
  word.textContent = name // text from outside: never markup
  one.append(dot, word)
  if (key) {
    const hint = document.createElement("kbd")
    hint.textContent = String(key)
    one.append(hint)
  }
  one.title = key ? `${name} (key ${key} labels the selection)` : name
  one.addEventListener("click", () => {
    bar.component.setTriggerValue("choose", JSON.stringify({ name, nonce: Math.random().toString(36).slice(2) }))
  })
  return one
}
