/** What tests and benchmarks may ask of a map, as window.__hoverMap. Nothing of the app uses it. */

const MOST_COLOURS = 20000

/** {of: the map itself, state(), pixel(position) on the screen, colour(position) as it is shown, also while it is being written} */
export function seamOf(map) {
  return { of: map, state: () => stateOf(map), pixel: clip => onScreen(map, clip), colour: clip => colourNow(map, clip) }
}

/**
 * n clips; painted, points in the last painting (0 before the first); paints, how many paintings; painted_at and paint_ms, its end
 * (performance.now()) and length; ready, Plotly listens; selected [positions]; zoom [x0, x1, y0, y1]; revision; live, the journal's state;
 * sounds_playing and sounds_started, under the mouse; montage, the clip whose turn it is; hover and focus, positions or null;
 * colours [#rrggbb or null by position] as written, up to 20,000 clips.
 */
function stateOf({ clips, view, hover, painter, frame, feed, montage, focus, paints, paintedAt }) {
  const selected = []
  clips?.selected.forEach((chosen, clip) => chosen && selected.push(clip))
  return {
    n: clips?.n ?? 0, painted: painter.drawn, paints: paints ?? 0, painted_at: paintedAt ?? null, paint_ms: painter.took, ready: frame.ready, selected,
    zoom: view ? [view.x0, view.x1, view.y0, view.y1] : null, revision: clips?.revision ?? -1, live: feed?.state ?? null,
    sounds_playing: hover.sound.sounding ? 1 : 0, sounds_started: hover.sound.started, montage: montage.clip, hover: hover.clip, focus: focus ?? null,
    colours: clips && clips.n <= MOST_COLOURS ? Array.from(clips.written, code => clips.labels.get(code)?.colour ?? null) : null,
  }
}

/** The label's own colour, also where a dark ground has it drawn lighter; null for an unlabelled clip. */
function colourNow({ clips }, clip) {
  return clips?.labels.get(clips.codes[clip])?.colour ?? null
}

function onScreen(map, clip) {
  if (!map.clips || !map.view) return null
  const [px, py] = map.pixel(clip), { left, top } = map.box.getBoundingClientRect()
  return [left + px, top + py]
}
