"""M1, M2, A1: what a person sees, hears and waits for, in a real Chromium on the real app.

Times are taken in the page, by the clock of its frames, not by who drives it: a frame is what a person sees.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, CDPSession, ElementHandle, Frame, Page, sync_playwright

from hover_core.data.arrays import Floats
from hover_core.data.clips import Clip
from hover_core.store import clip_rows, vector_rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.benchmarks.timing import ROOT, Row, Rows, Skipped, data_folder, row
from tests.browser.acts import in_polygon
from tests.browser.conftest import ARGUMENTS
from tests.run import find_chromium
from tests.servers import SoundServer

VIEWPORT = {"width": 1400, "height": 900}
COUNT = re.compile("^[0-9,]+ clips$")
HEAVY = {
    "numba", "llvmlite", "umap", "pynndescent", "faiss", "librosa", "scipy", "sklearn", "plotly", "matplotlib",
    "torch", "soundfile", "soxr", "requests", "streamlit_plotly_events",
}  # fmt: skip
FAR_MS = 300_000
STOCK = {"plotly_chart": 100_000, "classic": 10_000}  # with how many points they are worth waiting for

# In every frame, before its own scripts. Times are milliseconds since 1970, so that frames agree.
WATCH = """
(() => {
  const now = () => performance.timeOrigin + performance.now()
  const bench = window.__bench = { now, up: 0, click: 0, moved: 0, painted: 0, frames: [], sounds: [], most: 0 }
  addEventListener("pointerup", () => bench.up = now(), true)
  addEventListener("click", () => bench.click = now(), true)
  addEventListener("pointermove", () => bench.moved = now(), true)
  addEventListener("playing", event => bench.sounds.push(now()), true)
  bench.until = test => new Promise(done => {
    const look = () => {
      let found = null
      try { found = test() } catch {}
      if (found) done(now())
      else requestAnimationFrame(look)
    }
    look()
  })
  const heard = audio => !audio.paused && !audio.ended && audio.readyState > 2
  const step = () => {
    if (bench.recording) bench.frames.push(now())
    if (bench.listening) bench.most = Math.max(bench.most, [...document.querySelectorAll("audio")].filter(heard).length)
    if (bench.recording || bench.listening) requestAnimationFrame(step)
  }
  bench.record = () => { bench.frames = []; bench.recording = true; step() }
  bench.listen = () => { bench.listening = true; step() }
})()
"""
MAP_PAINTED = "(n => { const map = window.__hoverMap?.of; return map && map.frame.ready && map.painter.drawn >= n })"
PLOT_PAINTED = (
    "(n => { const plot = document.querySelector('.js-plotly-plot');"
    " return plot && plot._fullData?.[0]?._length === n && plot.calcdata && plot._fullLayout && plot._context"
    " && plot.querySelector('.nsewdrag') })"
)


# M1 -------------------------------------------------------------------------------------------------------------------


def m1(quick: bool) -> Rows:
    """The map at 1,000 to 1,000,000 points: paint, lasso, panel, Apply; ours, and what Streamlit brings."""
    sizes = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
    if quick:
        sizes = {"1k": 1_000, "10k": 10_000}
    runs = 2 if quick else 3
    with chromium() as browser:
        for setting, n in sizes.items():
            engines = ["map", *(engine for engine, most in STOCK.items() if n <= most)]
            if quick and n > 1_000:
                engines.remove("classic")
            found = _taking_turns(browser, setting, n, engines, runs)
            if "plotly_chart" in found:
                found["map"] = _beside(found["map"], found["plotly_chart"])
            yield from found.values()


def _beside(ours: Row, theirs: Row) -> Row:
    figure = row("M1", ours["setting"], ours["paints"], theirs["paints"], "s", beside="st.plotly_chart: paint")
    ratios = {
        f"{name}_ratio": theirs[name] / ours[name]
        for name in ("drag_gap_s", "panel_s", "recolour_s", "down_mb", "up_mb")
        if ours[name] and theirs[name]
    }
    compared = {name: figure[name] for name in ("value", "baseline", "ratio", "low", "high", "beside")}
    return {**ours, **compared, **ratios}


@dataclass
class Plot:
    """A map on a page, ours or a stock one, to be lassoed by hand."""

    engine: str
    page: Page
    frame: Frame
    wire: Traffic
    counted: str | None = "0 clips"  # what the panel of a stock map said before the lasso

    @property
    def ours(self) -> bool:
        return self.engine == "map"

    def zoom(self) -> list[float]:
        """The ranges shown."""
        found: list[float] = self.frame.evaluate(
            "(() => { const {x, y} = window.__hoverMap.of.range; return [...x, ...y] })()"
            if self.ours
            else "(() => { const {xaxis, yaxis} = document.querySelector('.js-plotly-plot')._fullLayout;"
            " return [...xaxis.range, ...yaxis.range] })()"
        )
        return found

    def lasso(self, run: int) -> float:
        """Draw around some of the points; the largest gap between two frames meanwhile, in seconds."""
        self.frame.evaluate(
            "() => { const plot = document.querySelector('.js-plotly-plot'); window.__bench.outline = null;"
            " plot.on('plotly_selected', event => { if (event?.lassoPoints)"
            " window.__bench.outline = event.lassoPoints.x.map((x, at) => [x, event.lassoPoints.y[at]]) }) }"
        )
        box = self._place().bounding_box()
        assert box is not None
        middle = np.array([box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5])
        radius = np.array([box["width"], box["height"]]) * (0.28 + 0.04 * run)
        turn = np.linspace(0, 2 * np.pi, 33)
        wave = (1 + 0.15 * np.sin(5 * turn + run))[:, None]
        path = middle + radius * wave * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        mouse = self.page.mouse
        mouse.move(*path[0])
        mouse.down()
        self.frame.evaluate("window.__bench.record()")
        for x, y in path[1:]:
            mouse.move(x, y, steps=3)
        frames = self.frame.evaluate("window.__bench.recording = false, window.__bench.frames")
        mouse.up()
        return float(np.diff(frames).max()) / 1000

    def panel_s(self, count: int | None) -> float:
        """From the mouse button's release to the number of clips beside the map."""
        if count is None:  # a stock map has no seam: whatever number comes is the answer
            test = (
                "() => [...document.querySelectorAll('strong')].some(s => /^[1-9][0-9,]* clips$/.test(s.textContent)"
                f" && s.textContent !== {json.dumps(self.counted)})"
            )
        else:
            test = f"() => [...document.querySelectorAll('strong')].some(s => s.textContent === '{count:,} clips')"
        shown: float = self.page.evaluate(f"window.__bench.until({test})")
        return (shown - self.frame.evaluate("window.__bench.up")) / 1000

    def selected(self) -> NDArray[np.int64]:
        """What the plot holds as selected."""
        if self.ours:
            from pages.server.map_codec import decode_set

            text = self.frame.evaluate("window.__hoverMap.of.report.set")
            return decode_set(text, self.frame.evaluate("window.__hoverMap.of.clips.n"))
        found = self.frame.evaluate(
            "Array.from(document.querySelector('.js-plotly-plot')._fullData[0].selectedpoints ?? [])"
        )
        return np.array(sorted(found), np.int64)

    def outline(self) -> NDArray[np.float64]:
        """The last lasso, in data coordinates. [shape=(k, 2)]"""
        seam = "window.__hoverMap.of.outline" if self.ours else "window.__bench.outline"
        return np.array(self.frame.evaluate(seam), np.float64)

    def label(self, run: int, clip: int) -> tuple[float, float]:
        """Label what is selected; from the click on Apply until a clip of it has its new colour, and until it is
        written as well: ours shows a label before the server has said so."""
        if self.ours:
            box = self.page.get_by_role("combobox", name=re.compile("Another label"))
            box.fill(f"label {run}")
            box.press("Enter")
            button = self.page.get_by_role("button", name=re.compile(f"^Label [0-9,]+ as “label {run}”"))
            button.wait_for()
            before = self.page.evaluate("p => window.__hoverMap.of.clips.codes[p]", clip)
            # painted since the code of the clip has changed
            self.page.evaluate(
                "([p, old]) => { const map = window.__hoverMap.of, { until } = window.__bench;"
                " window.__bench.recoloured = until(() =>"
                " map.clips.codes[p] !== old && !map.waits('colours') && !map.waits('points') && !map.waitsForFrame);"
                " window.__bench.written = until(() =>"
                " map.clips.codes[p] !== old && !map.clips.promised.length && !map.waits('colours')) }",
                [clip, before],
            )
        else:
            button = self.page.get_by_role("button", name="Label")
            self.frame.evaluate(
                "p => { const colour = () => document.querySelector('.js-plotly-plot')._fullData[0].marker.color[p];"
                " const old = colour();"
                " window.__bench.written = window.__bench.recoloured = window.__bench.until(() => colour() !== old) }",
                clip,
            )
        button.click()
        recoloured, written = self.frame.evaluate("Promise.all([window.__bench.recoloured, window.__bench.written])")
        clicked = self.page.evaluate("window.__bench.click")
        return (recoloured - clicked) / 1000, (written - clicked) / 1000

    def _place(self) -> ElementHandle:
        found = self.frame.query_selector(".clip-map-plot" if self.ours else ".nsewdrag")
        assert found is not None
        return found


@dataclass
class Traffic:
    """Bytes each way that belong to the data: no scripts, styles and fonts, which every engine needs once."""

    session: CDPSession
    down: float = 0
    up: float = 0
    runs: int = 0  # of the script, as the browser asked for them
    _static: dict[str, bool] = field(default_factory=dict)

    def listen(self) -> Traffic:
        """Count from now on."""
        self.session.on("Network.requestWillBeSent", self._asked)
        self.session.on("Network.loadingFinished", self._came)
        self.session.on("Network.webSocketFrameReceived", self._received)
        self.session.on("Network.webSocketFrameSent", self._sent)
        self.session.send("Network.enable", {"maxTotalBufferSize": 10_000_000})
        return self

    def _asked(self, event: dict[str, Any]) -> None:
        request = event["request"]
        path = re.sub(r"^[a-z]+://[^/]+", "", request["url"])
        self._static[event["requestId"]] = bool(re.match(r"/(static|assets|component|_stcore|favicon)", path)) or (
            event.get("type") in ("Document", "Stylesheet", "Font", "Image", "Script")
        )
        self.up += len(request.get("postData", ""))

    def _came(self, event: dict[str, Any]) -> None:
        if not self._static.get(event["requestId"], True):
            self.down += event["encodedDataLength"]

    def _received(self, event: dict[str, Any]) -> None:
        self.down += _length(event["response"])

    def _sent(self, event: dict[str, Any]) -> None:
        self.up += _length(event["response"])
        if event["response"]["opcode"] == 2:
            from streamlit.proto.BackMsg_pb2 import BackMsg

            message = BackMsg()
            message.ParseFromString(base64.b64decode(event["response"]["payloadData"]))
            self.runs += message.WhichOneof("type") == "rerun_script"


def _length(frame: dict[str, Any]) -> float:
    return len(frame["payloadData"]) * (0.75 if frame["opcode"] == 2 else 1)


def _taking_turns(browser: Browser, setting: str, n: int, engines: list[str], runs: int) -> dict[str, Row]:
    """Open the maps, lasso, label; `runs` times, each engine in each turn: a busy machine is as busy for all."""
    points = scatter(n)
    with ExitStack() as opened:
        trials = [Trial(engine, n, *opened.enter_context(_opened(engine, points))) for engine in engines]
        for run in range(runs + 1):  # the first visit warms the server up: every engine's first is slower
            for trial in trials:
                trial.visit(browser, counts=run > 0, stays=run == runs)
        for trial in trials:
            trial.zoom_in()
        for run in range(runs):
            for trial in trials:
                trial.lasso_and_label(run)
        found = {trial.engine: trial.row(setting) for trial in trials}
        for trial in trials:
            trial.plot.page.context.close()
    difference = found["map"]["selection_difference"]
    assert difference == 0, f"M1 {setting}: {difference} clips differ from point-in-polygon in Python"
    return found


@dataclass
class Trial:
    """One engine with `n` points, and what was measured of it."""

    engine: str
    n: int
    address: str
    told: Told
    paints: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    panels: list[float] = field(default_factory=list)
    recolours: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    zoom_kept: int = 1
    selection_kept: int = 1
    difference: int = 0
    down_mb: float = 0.0
    up_mb: float = 0.0

    def visit(self, browser: Browser, *, counts: bool, stays: bool) -> None:
        """Open the page in a new browser profile until all points are painted."""
        page = person(browser)
        page.set_default_timeout(FAR_MS)
        self.plot = _visit(page, self.engine, self.address, self.n)
        painted = self.plot.frame.evaluate("window.__bench.painted") - page.evaluate("performance.timeOrigin")
        if counts:
            self.paints.append(painted / 1000)
        page.wait_for_timeout(500)
        if not stays:
            page.context.close()

    def zoom_in(self) -> None:
        """By the button that Plotly brings in every engine."""
        self.plot.frame.evaluate("document.querySelector('[data-title=\"Zoom in\"]').click()")
        self.plot.page.wait_for_timeout(1_000)

    def lasso_and_label(self, run: int) -> None:
        """One lasso, one label, and whether everything is where it belongs afterwards."""
        plot, page = self.plot, self.plot.page
        page.bring_to_front()
        plot.counted = page.locator("strong", has_text=COUNT).first.text_content() if not plot.ours else ""
        zoom = plot.zoom()
        self.gaps.append(plot.lasso(run))
        self.panels.append(plot.panel_s(plot.frame.evaluate("window.__hoverMap.of.clips.count") if plot.ours else None))
        outline, selected = plot.outline(), plot.selected()
        recolour, written = plot.label(run, int(selected[0]))
        self.recolours.append(recolour)
        self.writes.append(written)
        page.wait_for_timeout(1_000)  # what the page does after it: counts in its frame, Plotly's own redraw
        self.zoom_kept &= int(np.allclose(plot.zoom(), zoom, rtol=1e-6))
        self.selection_kept &= int(np.array_equal(plot.selected(), selected))
        inside = np.flatnonzero(in_polygon(self.told.coordinates(), outline))
        self.difference = max(self.difference, len(np.setxor1d(inside, self.told.labelled(run))))
        if not run:
            self.down_mb, self.up_mb = plot.wire.down / 1e6, plot.wire.up / 1e6

    def row(self, setting: str) -> Row:
        """What was measured."""
        figures = {"drag_gap_s": self.gaps, "panel_s": self.panels, "recolour_s": self.recolours}
        figures["written_s"] = self.writes
        return {
            **row("M1", setting, self.paints, [], "s"),
            "engine": self.engine,
            "paint_s": median(self.paints),
            **{name: median(values) for name, values in figures.items()},
            "down_mb": self.down_mb,
            "up_mb": self.up_mb,
            "zoom_kept": self.zoom_kept,
            "selection_kept": self.selection_kept,
            "selection_difference": self.difference,
            "spread": {name: [min(values), max(values)] for name, values in figures.items()},
            "paints": self.paints,
        }


def _visit(page: Page, engine: str, address: str, n: int) -> Plot:
    wire = Traffic(page.context.new_cdp_session(page)).listen()
    painted = MAP_PAINTED if engine == "map" else PLOT_PAINTED
    page.add_init_script(f"window.__bench.until(() => {painted}({n})).then(at => window.__bench.painted = at)")
    page.goto(address, wait_until="commit")
    if engine == "classic":
        element = page.wait_for_selector("iframe[title*='plotly_events']", state="attached")
        assert element is not None
        frame = element.content_frame()
        assert frame is not None
    else:
        frame = page.main_frame
    # an iframe's first, empty document takes its watch away with it: ask the one that is there
    frame.wait_for_load_state("domcontentloaded")
    frame.evaluate(
        f"(async () => {{ const {{ until }} = window.__bench;"
        f" const at = await until(() => window.__bench.painted || {painted}({n})); window.__bench.painted ||= at }})()"
    )
    return Plot(engine, page, frame, wire)


class Told:
    """What the app knows of coordinates and labels, asked without the browser."""

    def __init__(self, app: App, dataset: Dataset | None, points: Floats, out: Path) -> None:
        self._app, self._dataset, self._points, self._out = app, dataset, points, out

    def coordinates(self) -> NDArray[np.float64]:
        """Of every clip, as the browser has them. [shape=(n, 2)]"""
        if self._dataset is None:
            return self._points.astype(np.float64)
        embedding = self._dataset.embedding()
        assert embedding is not None
        with urllib.request.urlopen(f"{self._app.url}/map/{embedding.id}") as answer:
            data = answer.read()
        length = int.from_bytes(data[:4], "little")
        header = json.loads(data[4 : 4 + length])
        steps = np.frombuffer(data[4 + length :], "<u2").reshape(-1, 2).astype(np.float64)
        low, high = np.array([header["x0"], header["y0"]]), np.array([header["x1"], header["y1"]])
        return np.asarray(low + steps / 65534 * (high - low))

    def labelled(self, run: int) -> NDArray[np.int64]:
        """The clips that the app gave the label of a run."""
        if self._dataset is None:
            return np.array(sorted(json.loads(self._out.read_text())), np.int64)
        state = self._dataset.state()
        return np.flatnonzero(state.label == state.code(f"label {run}"))


@contextmanager
def _opened(engine: str, points: Floats) -> Iterator[tuple[str, Told]]:
    if engine == "map":
        with app_with(len(points), coordinates=points) as (app, dataset):
            yield f"{app.url}/label", Told(app, dataset, points, Path())
        return
    with tempfile.TemporaryDirectory(prefix="hover-bench-") as folder:
        np.save(Path(folder, "points.npy"), points)
        out = Path(folder, "selected.json")
        environment = {"STOCK_POINTS": f"{folder}/points.npy", "STOCK_OUT": str(out)}
        with started(Path(folder), f"tests/benchmarks/stock/{engine}.py", environment) as app:
            yield app.url, Told(app, None, points, out)


def scatter(n: int, seed: int = 0) -> Floats:
    """A map of clouds. [shape=(n, 2), float32]"""
    draw = np.random.default_rng(seed)
    centres, widths = draw.uniform(-10, 10, (30, 2)), draw.uniform(0.3, 1.5, 30)
    of = draw.integers(0, 30, n)
    return (centres[of] + draw.normal(size=(n, 2)) * widths[of, None]).astype(np.float32)


# M2 -------------------------------------------------------------------------------------------------------------------


def m2(quick: bool) -> Rows:
    """The mouse comes to rest on a point: until its sound starts; beside a click on a stock map with `st.audio`."""
    side = 6
    across, down = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    points = np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)  # too far apart to be fetched ahead
    files = {f"/{n}.wav": sounds.encode(sounds.tone(200 + 20 * n, 2.0)) for n in range(len(points))}
    # not those at the border, where Plotly's buttons may lie on a point
    inner = np.arange(side * side).reshape(side, side)[1:-1, 1:-1].ravel()
    order = np.random.default_rng(0).permutation(inner)[: 8 if quick else None].tolist()
    with chromium() as browser, SoundServer(files) as server:
        urls = [server.url(f"/{n}.wav") for n in range(len(points))]
        with app_with(len(points), coordinates=points, urls=urls) as (app, _):
            page = person(browser)
            wire = Traffic(page.context.new_cdp_session(page)).listen()
            page.goto(f"{app.url}/label")
            page.wait_for_function("() => window.__hoverMap?.of?.frame.ready && window.__hoverMap.of.painter.drawn > 0")
            page.wait_for_timeout(3_000)
            page.mouse.click(*_away(page))  # browsers play nothing before the first click
            page.wait_for_timeout(1_000)
            wire.runs = 0
            page.evaluate("window.__bench.listen()")
            ours = [_rest(page, clip) for clip in order]
            # ten points in a row without a rest, and then a rest on the last one
            for clip in order[:10]:
                page.mouse.move(*page.evaluate("p => window.__hoverMap.pixel(p)", clip), steps=4)
            page.wait_for_timeout(1_500)
            at_once, script_runs = page.evaluate("window.__bench.most"), wire.runs
            page.context.close()
        theirs = _click_and_hear(browser, points, files, order[: 4 if quick else 8])
    yield row(
        "M2",
        "local",
        ours,
        [median(theirs)],
        "s",
        beside="click on st.plotly_chart → script run → st.audio(autoplay=True)",
        script_runs=script_runs,
        sounds_at_once=at_once,
        dwell_s=0.12,
        p95_s=float(np.percentile(ours, 95)),
    )


def _away(page: Page) -> tuple[float, float]:
    """A place on our map with no point near it: between two points of the grid."""
    (x0, y0), (x1, y1) = page.evaluate("[window.__hoverMap.pixel(0), window.__hoverMap.pixel(7)]")
    return (x0 + x1) / 2, (y0 + y1) / 2


def _rest(page: Page, clip: int) -> float:
    page.mouse.move(*_away(page))
    page.wait_for_timeout(400)
    heard = page.evaluate("window.__bench.sounds.length")
    page.mouse.move(*page.evaluate("p => window.__hoverMap.pixel(p)", clip))
    moved = page.evaluate("window.__bench.moved")
    page.wait_for_function("n => window.__bench.sounds.length > n", arg=heard, timeout=20_000)
    return float((page.evaluate("n => window.__bench.sounds[n]", heard) - moved) / 1000)


def _click_and_hear(browser: Browser, points: Floats, files: dict[str, bytes], order: list[int]) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="hover-bench-") as folder:
        np.save(Path(folder, "points.npy"), points)
        for name, data in files.items():
            Path(folder, name.lstrip("/")).write_bytes(data)
        environment = {"STOCK_POINTS": f"{folder}/points.npy", "STOCK_SOUNDS": folder}
        with started(Path(folder), "tests/benchmarks/stock/listen.py", environment) as app:
            page = person(browser)
            page.goto(app.url)
            page.wait_for_function(f"() => {PLOT_PAINTED}({len(points)})")
            page.wait_for_timeout(2_000)
            took = []
            for clip in order:
                heard = page.evaluate("window.__bench.sounds.length")
                x, y = page.evaluate(
                    "([x, y]) => { const plot = document.querySelector('.js-plotly-plot');"
                    " const {xaxis, yaxis} = plot._fullLayout;"
                    " const {left, top} = plot.getBoundingClientRect();"
                    " return [left + xaxis._offset + xaxis.d2p(x), top + yaxis._offset + yaxis.d2p(y)] }",
                    points[clip].tolist(),
                )
                page.mouse.move(x, y)
                page.wait_for_timeout(200)
                page.mouse.click(x, y)
                page.wait_for_function("n => window.__bench.sounds.length > n", arg=heard, timeout=20_000)
                up, at = page.evaluate("n => [window.__bench.up, window.__bench.sounds[n]]", heard)
                took.append((at - up) / 1000)
                page.wait_for_timeout(300)
            page.context.close()
    return took


# A1 -------------------------------------------------------------------------------------------------------------------


def a1(quick: bool) -> Rows:
    """From the start of `streamlit run` to the first page on the screen; beside a page with one title."""
    runs = 2 if quick else 5
    with chromium() as browser:
        _first_page(browser, "streamlit_app.py")  # the disk is warm from here on
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(_first_page(browser, "streamlit_app.py")[0])
            theirs.append(_first_page(browser, "tests/benchmarks/stock/hello.py")[0])
        # in runs of their own: to list imports takes time
        mine, stock = (_imported(browser, script) for script in ("streamlit_app.py", "tests/benchmarks/stock/hello.py"))
    yield row(
        "A1",
        "warm disk",
        ours,
        theirs,
        "s",
        beside="a Streamlit page with one title",
        heavy=sorted((mine - stock) & HEAVY),
        heavy_of_streamlit=sorted(stock & HEAVY),  # what it imports by itself where that is installed
        packages=len(mine),
    )


def _imported(browser: Browser, script: str) -> set[str]:
    """The packages that a server has imported when its first page is there."""
    listed = _first_page(browser, script, {"PYTHONPROFILEIMPORTTIME": "1"})[1]
    names = re.findall(r"^import time:\s*\d+ \|\s*\d+ \|(.*)$", listed, re.MULTILINE)
    return {name.strip().partition(".")[0] for name in names}


def _first_page(browser: Browser, script: str, environment: dict[str, str] | None = None) -> tuple[float, str]:
    with tempfile.TemporaryDirectory(prefix="hover-bench-", ignore_cleanup_errors=True) as folder:
        page = person(browser)
        begun = time.perf_counter()
        with started(Path(folder), script, environment, wait=False) as app:
            _await_port(app.port)
            page.goto(app.url, wait_until="commit")
            page.get_by_text("Try the demo").first.wait_for()
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            took = time.perf_counter() - begun
            page.wait_for_timeout(1_000)  # what it imports in the background belongs to the first page too
            page.context.close()
        return took, app.log.read_text(errors="replace")


# the app and the browser ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class App:
    """A running Streamlit server."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self.port}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium."""
    path = find_chromium()
    if path is None:
        raise Skipped("Chromium is not on PATH")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


def person(browser: Browser) -> Page:
    """A page in a profile of its own, with an empty cache, that keeps time."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    context.add_init_script(WATCH)
    return context.new_page()


@contextmanager
def started(data: Path, script: str, environment: dict[str, str] | None = None, *, wait: bool = True) -> Iterator[App]:
    """Start a Streamlit server as the README does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = data / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.address", "localhost"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOVER_DATA": str(data), **(environment or {})},
            stdout=file,
            stderr=file,
        )
    try:
        if wait:
            _await_port(port)
        yield App(port, log, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"nothing answers on port {port} within 60 s")


@contextmanager
def app_with(
    n: int, *, coordinates: Floats | None = None, vectors: Floats | None = None, urls: list[str] | None = None
) -> Iterator[tuple[App, Dataset]]:
    """The app on a store with `n` clips and their map (by default a scatter), and with vectors if given."""
    with data_folder() as folder:
        datasets = Datasets()
        dataset = datasets.new(f"{n:,} clips")
        urls = urls or [f"http://sounds.example/{number}.wav" for number in range(n)]
        dataset.change_settings(allowed_hosts=sorted({url.split("/")[2] for url in urls}))
        with datasets.store.revise(dataset.id) as (connection, _):
            for first in range(0, n, 100_000):
                part = [Clip(f"c{first + k}", url) for k, url in enumerate(urls[first : first + 100_000])]
                clip_rows.add_clips(connection, dataset.id, part)
        key = "segments-20x5-22050-v1"
        if vectors is not None:
            with datasets.store.write() as connection:
                vector_rows.add_vectors(connection, dataset.id, key, list(range(n)), vectors)
            dataset.change_settings(vectorizer=key)
        vector_rows.add_embedding(
            datasets.store,
            dataset.id,
            vectorizer=key,
            reducer="umap",
            settings={},
            positions=np.arange(n),
            coordinates=scatter(n) if coordinates is None else coordinates,
            placeholder=False,
        )
        with started(folder, "streamlit_app.py") as app:
            yield app, dataset
        datasets.close()
