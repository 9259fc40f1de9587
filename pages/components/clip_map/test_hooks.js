/** Test hooks: the state of a map for tests and benchmarks, as window.__hoverMap. The app does not use them. */

const MOST_COLOURS = 20000

/** {of: fields of the map's parts, one object for the life of the map; state(); pixel(position) on the screen; colour(position) as it is shown, also before it is stored} */
export function testHooks(map, box) {
  return { of: partsOf(map), state: () => stateOf(map), pixel: clip => onScreen(map, box, clip), colour: clip => colourNow(map, clip) }
}

function partsOf({ link, loader, viewport, renderer, columns, selection, frame }) {
  return {
    frame,
    painter: renderer.painter,
    outbox: link.outbox,
    get component() { return link.component },
    get data() { return link.data },
    get root() { return link.root },
    get clips() { return loader.clips },
    get shownMap() { return loader.shownMap },
    get loadingMap() { return loader.loadingMap },
    get range() { return viewport.range },
    get paintedAt() { return renderer.paintedAt },
    get waitsForFrame() { return renderer.waitsForFrame },
    waits: layer => renderer.waits(layer),
    get colours() { return renderer.colours },
    get facet() { return columns.facet },
    get scales() { return columns.scales },
    get ring() { return columns.ring },
    get outline() { return selection.outline },
    get report() { return selection.report },
    forgetGrid() { viewport.forgetGrid() },
  }
}

/**
 * n clips; painted, points in the last painting (0 before the first); paints, number of paintings; painted_at and paint_ms, end
 * (performance.now()) and duration of the last one; ready, Plotly listens; selected [positions]; zoom [x0, x1, y0, y1]; revision; live, the journal's state;
 * sounds_playing and sounds_started, under the mouse; montage, the clip that plays in a montage; hover and focus, positions or null;
 * colours [#rrggbb or null by position] as stored, up to 20,000 clips.
 */
function stateOf({ loader: { clips }, viewport: { view }, renderer, frame, live, hover, montage, selection }) {
  const selected = []
  clips?.selected.forEach((mark, clip) => mark && selected.push(clip))
  return {
    n: clips?.n ?? 0, painted: renderer.painter.drawn, paints: renderer.paints, painted_at: renderer.paintedAt, paint_ms: renderer.painter.took, ready: frame.ready, selected,
    zoom: view ? [view.x0, view.x1, view.y0, view.y1] : null, revision: clips?.revision ?? -1, live: live.feed?.state ?? null,
    sounds_playing: hover.sound.audible ? 1 : 0, sounds_started: hover.sound.started, montage: montage.clip, hover: hover.clip, focus: selection.focus ?? null,
    colours: clips && clips.n <= MOST_COLOURS ? Array.from(clips.written, code => clips.labels.get(code)?.colour ?? null) : null,
  }
}

/** The label's own colour, also if it is drawn lighter on a dark ground; null for an unlabelled clip. */
function colourNow({ loader: { clips } }, clip) {
  return clips?.labels.get(clips.codes[clip])?.colour ?? null
}

function onScreen({ loader, viewport }, box, clip) {
  if (!loader.clips || !viewport.view) return null
  const [px, py] = viewport.pixel(clip), { left, top } = box.getBoundingClientRect()
  return [left + px, top + py]
}
