/** Scales for axes that are numeric columns: ticks along the borders of the map. A dimension of an embedding has no unit and no scale. */
import { css } from "./paint.js"

const APART_PX = { x: 90, y: 56 } // least distance of two ticks
const TICK_PX = 5

/** Round numbers in [low, high], at most `most` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticksOf(low, high, most) {
  if (!(high > low) || most < 1) return []
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw))
  const step = power * [1, 2, 5, 10].find(times => times * power >= raw * (1 - 1e-9))
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)))
}

/** The number of a tick as text: in full, unless it is very small or very large. */
export function tickText(value) {
  const size = Math.abs(value)
  return size && (size < 1e-4 || size >= 1e9) ? value.toExponential() : value.toLocaleString("en-US", { maximumSignificantDigits: 12 })
}

/** Draws the scales: `scales` = {x, y}, each the title of a numeric axis or null. */
export function drawScales(context, view, { x, y }, theme) {
  const ground = css(theme.ground)
  context.save()
  context.font = "11px sans-serif"
  context.lineJoin = "round"
  context.lineWidth = 3
  // points may lie beneath the text: draw it with a rim in the colour of the ground
  const write = (text, px, py) => {
    context.strokeStyle = ground
    context.strokeText(text, px, py)
    context.fillStyle = css(theme.ink)
    context.fillText(text, px, py)
  }
  const tick = (px, py, dx, dy) => {
    context.fillStyle = css(theme.ink)
    context.fillRect(px - (dx ? 0 : 0.5), py - (dy ? 0 : 0.5), dx || 1, dy || 1)
  }
  if (x !== null) {
    context.textBaseline = "bottom"
    context.textAlign = "right"
    const bottom = view.height - TICK_PX - 2, titleLeft = view.width - 6 - context.measureText(`${x} →`).width
    write(`${x} →`, view.width - 6, bottom)
    context.textAlign = "center"
    for (const value of ticksOf(view.x0, view.x1, view.width / APART_PX.x)) {
      const [px] = view.toPixel(value, view.y0), text = tickText(value)
      tick(px, view.height - TICK_PX, 0, TICK_PX)
      const half = context.measureText(text).width / 2
      if (px - half > 4 && px + half < titleLeft - 8) write(text, px, bottom)
    }
  }
  if (y !== null) {
    context.textAlign = "left"
    context.textBaseline = "middle"
    write(`↑ ${y}`, 6, 12)
    for (const value of ticksOf(view.y0, view.y1, view.height / APART_PX.y)) {
      const [, py] = view.toPixel(view.x0, value)
      tick(0, py, TICK_PX, 0)
      if (py > 26 && py < view.height - (x === null ? 8 : 26)) write(tickText(value), TICK_PX + 3, py)
    }
  }
  context.restore()
}
