// A slider from 0 to 1. Sends Python the state "value" while it is moved, at most every EVERY_MS.
const EVERY_MS = 150
const sliders = new WeakMap() // by parentElement

export default function (component) {
  const place = component.parentElement
  let slider = sliders.get(place)
  if (!slider) {
    const box = document.createElement("div")
    const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.01, value: component.data.value })
    const number = document.createElement("output")
    box.style.cssText = "display: flex; align-items: center; gap: 0.6rem; font: 0.9rem var(--st-font); color: var(--st-text-color)"
    input.style.cssText = "flex: 1; min-width: 8rem; accent-color: var(--st-primary-color)"
    number.style.cssText = "font-variant-numeric: tabular-nums; color: var(--st-primary-color)"
    box.append(input, number)
    place.append(box)
    slider = { box, input, timer: 0 }
    sliders.set(place, slider)
    const send = () => {
      slider.timer = 0
      slider.component.setStateValue("value", input.valueAsNumber)
    }
    const show = () => { number.textContent = input.valueAsNumber.toFixed(2) }
    input.addEventListener("input", () => {
      show()
      slider.timer ||= setTimeout(send, EVERY_MS)
    })
    show()
  }
  slider.component = component
  slider.input.setAttribute("aria-label", component.data.label) // text, never markup
  return () => {
    clearTimeout(slider.timer)
    sliders.delete(place)
    slider.box.remove()
  }
}
