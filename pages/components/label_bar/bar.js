/** The known labels as buttons with their colours and keys. Up to Python goes one trigger, "choose" (JSON {name, nonce}). */
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
  const told = JSON.stringify([data.labels, data.chosen, theme])
  const held = bar.contains(document.activeElement) ? document.activeElement.dataset.name : null
  if (bar.dataset.told !== told) bar.replaceChildren(...data.labels.map(([name, colour, key]) => button(bar, name, css(legible(colour, theme)), key, data.chosen)))
  bar.dataset.told = told
  bar.component = component
  // whoever chose by the keyboard goes on from there
  if (held !== null && !bar.contains(document.activeElement)) [...bar.children].find(one => one.dataset.name === held)?.focus()
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
  word.textContent = name // somebody else's word: text, never markup
  one.append(dot, word)
  if (key) {
    const shown = document.createElement("kbd")
    shown.textContent = String(key)
    one.append(shown)
  }
  one.title = key ? `${name} (key ${key} labels at once)` : name
  one.addEventListener("click", () => {
    bar.component.setTriggerValue("choose", JSON.stringify({ name, nonce: Math.random().toString(36).slice(2) }))
  })
  return one
}
