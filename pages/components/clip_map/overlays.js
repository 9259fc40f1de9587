/** The drawings over the points: rings, the outline of the last lasso, the focus, the point under the mouse, the brush. */
import { drawScales } from "./axis_scales.js"
import { cornersOf } from "./geometry.js"
import { css } from "./paint.js"

export const BRUSH_PX = 14

/** Clears a canvas and gives it the view's size, in CSS pixels; hides it if it stays empty. */
function layer(canvas, view, empty) {
  const ratio = Math.min(devicePixelRatio || 1, 2)
  const width = Math.round(view.width * ratio), height = Math.round(view.height * ratio)
  // under load, Chromium can show an older picture of a canvas that was cleared and stays empty
  canvas.style.visibility = empty ? "hidden" : ""
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
  const context = canvas.getContext("2d")
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, view.width, view.height)
  return context
}

/** Rings around `ring` [shape (n)], the faint `outline` of the last lasso and the `scales` of the axes, which change seldom. */
export function drawOverlay(canvas, { view, theme, clips, pixel, radius, outline, ring, scales }) {
  const context = layer(canvas, view, !outline && !ring && scales.x === null && scales.y === null)
  if (outline) {
    context.beginPath()
    for (const [x, y] of outline) context.lineTo(...view.toPixel(x, y))
    context.closePath()
    context.strokeStyle = css(theme.ink)
    context.globalAlpha = 0.3
    context.setLineDash([3, 4])
    context.stroke()
    context.setLineDash([])
  }
  if (ring) {
    context.globalAlpha = 0.75
    context.strokeStyle = theme.accent
    context.beginPath()
    for (let clip = 0; clip < clips.n; clip++) {
      if (!ring[clip] || !clips.shown[clip]) continue
      const [px, py] = pixel(clip)
      context.moveTo(px + radius + 2.5, py)
      context.arc(px, py, radius + 2.5, 0, 7)
    }
    context.stroke()
  }
  context.globalAlpha = 1
  drawScales(context, view, scales, theme)
}

/** The lasso or box that is being drawn. */
function drawStroke(context, { stroke, view, theme }) {
  const corners = cornersOf(stroke)
  context.beginPath()
  for (const [x, y] of corners) context.lineTo(...view.toPixel(x, y))
  context.lineWidth = 1.5
  context.stroke()
  context.globalAlpha = 0.08
  context.fill()
  context.globalAlpha = 0.6
  context.setLineDash([3, 4])
  context.beginPath()
  context.moveTo(...view.toPixel(...corners.at(-1)))
  context.lineTo(...view.toPixel(...corners[0]))
  context.stroke()
  context.setLineDash([])
  context.globalAlpha = 1
  context.strokeStyle = theme.accent
}

/** The clip in `focus`, the one under the mouse (stronger while it is `audible`), the clips `dabs` that the brush has touched, the `brush` [x, y] and the `stroke` of a lasso, which change with every move. */
export function drawPointer(canvas, { view, theme, clips, pixel, radius, focus, hover, audible, dabs, brush, stroke }) {
  const inFocus = Number.isInteger(focus) && focus >= 0 && focus < clips.n && clips.shown[focus]
  const context = layer(canvas, view, !(dabs || stroke || brush || inFocus || hover !== null))
  const ink = css(theme.ink)
  context.fillStyle = context.strokeStyle = theme.accent
  for (const clip of dabs ?? []) {
    const [px, py] = pixel(clip)
    context.fillRect(px - 1.5, py - 1.5, 3, 3)
  }
  if (stroke) drawStroke(context, { stroke, view, theme })
  if (brush) {
    context.beginPath()
    context.arc(...brush, BRUSH_PX, 0, 7)
    context.stroke()
  }
  if (inFocus) {
    const [px, py] = pixel(focus)
    context.strokeStyle = ink
    context.lineWidth = 2
    context.beginPath()
    context.arc(px, py, radius + 4, 0, 7)
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(px + dx * (radius + 4), py + dy * (radius + 4))
      context.lineTo(px + dx * (radius + 9), py + dy * (radius + 9))
    }
    context.stroke()
  }
  if (hover !== null) {
    context.strokeStyle = audible ? theme.accent : ink
    context.lineWidth = audible ? 2.5 : 1.5
    context.beginPath()
    context.arc(...pixel(hover), radius + 3, 0, 7)
    context.stroke()
  }
}
