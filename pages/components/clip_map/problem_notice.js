/** An error message over the map, with one button. */
import { make } from "./dom.js"

export class ProblemNotice {
  element = make("div.problem", { role: "alert", hidden: "" })

  show(sentence, action, act) {
    this.element.replaceChildren(make("span", {}, `${sentence} `), make("button", { type: "button", click: act }, action))
    this.element.hidden = false
  }

  hide() { this.element.hidden = true }
}
