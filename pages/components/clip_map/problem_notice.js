/** A sentence over the map about what did not work, with one button. */
import { make } from "./dom.js"

export class ProblemNotice {
  element = make("div.problem", { role: "alert", hidden: "" })

  show(sentence, word, act) {
    this.element.replaceChildren(make("span", {}, `${sentence} `), make("button", { type: "button", click: act }, word))
    this.element.hidden = false
  }

  hide() { this.element.hidden = true }
}
