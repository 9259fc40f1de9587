"""What a person does in the app, as the tests do it; and the lasso's rule once more, in Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from hover_core.store import vector_rows
from hover_core.workspace.dataset import Dataset

KEY = "mfcc-mean-32-22050-v1"


def give_map(dataset: Dataset, vectors: NDArray[np.float32], coordinates: NDArray[np.float32]) -> None:
    """A dataset whose first clips have these vectors, and lie at these coordinates of a finished map."""
    positions = np.arange(len(vectors))
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, KEY, positions.tolist(), vectors)
    dataset.change_settings(vectorizer=KEY)
    vector_rows.add_embedding(
        dataset.store,
        dataset.id,
        vectorizer=KEY,
        reducer="umap",
        settings={},
        positions=positions,
        coordinates=coordinates,
        placeholder=False,
    )


def load_demo(page: Page, url: str) -> None:
    """Try the demo, up to the 600 clips."""
    page.goto(url)
    page.get_by_role("button", name="Try the demo").click()
    page.get_by_role("button", name="Add 600 clips").click()
    expect(page.get_by_text("600 clips added")).to_be_visible()


def vectorize(page: Page) -> None:
    """From any page to a finished UMAP map."""
    to(page, "Map")
    page.get_by_role("button", name=re.compile("^Vectorize|Draw the map")).click()
    expect(page.get_by_role("link", name="Next: label")).to_be_visible(timeout=110_000)


def to(page: Page, step: str) -> None:
    """Go to a step by the navigation."""
    page.get_by_test_id("stTopNavLink").filter(has_text=step).first.click()


def to_label(page: Page) -> None:
    """Go from the finished map to Label; the other page's map goes away before this page's comes."""
    page.get_by_role("link", name="Next: label").click()
    expect(page.get_by_text("Nothing selected")).to_be_visible()


def map_ready(page: Page, count: int) -> None:
    """Wait until the map shows `count` clips."""
    page.wait_for_function("n => window.__hoverMap?.state().ready && window.__hoverMap.state().n === n", arg=count)


def pixels(page: Page, count: int) -> NDArray[np.float64]:
    """Where each clip is on the screen, once the page has stopped moving; NaN where it has no place. [shape=(n, 2)]"""
    before = np.zeros((count, 2))
    for _ in range(40):
        found = page.evaluate("n => Array.from({length: n}, (_, i) => window.__hoverMap.pixel(i))", count)
        now = np.array(found, np.float64)
        if np.array_equal(now, before, equal_nan=True):
            return now
        before = now
        page.wait_for_timeout(300)
    raise AssertionError("the map does not come to rest")


def drag(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw a lasso through some points of the screen, closed where it began."""
    page.mouse.move(*corners[0])
    page.mouse.down()
    for x, y in [*corners[1:], corners[0]]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


def lasso_around(page: Page, points: NDArray[np.float64], margin: float = 6) -> None:
    """Lasso the box around some points of the screen."""
    (x0, y0), (x1, y1) = points.min(axis=0) - margin, points.max(axis=0) + margin
    drag(page, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def selected(page: Page) -> list[int]:
    """What the map holds as selected."""
    return list(page.evaluate("window.__hoverMap.state().selected"))


def await_selected(page: Page, expected: Iterable[int]) -> None:
    """Wait until the map holds exactly these clips as selected, and the panel says so."""
    wanted = list(expected)
    page.wait_for_function("n => window.__hoverMap.state().selected.length === n", arg=len(wanted))
    assert selected(page) == wanted
    expect(page.get_by_text(f"{len(wanted):,} clips", exact=True).first).to_be_visible()


def rings(page: Page) -> list[int]:
    """The hits of a search, as the map marks them."""
    return list(page.evaluate("[...window.__hoverMap.of.ring ?? []].flatMap((ring, clip) => ring ? [clip] : [])"))


def outline(page: Page) -> NDArray[np.float64]:
    """The polygon that the last lasso was, in data coordinates. [shape=(k, 2)]"""
    return np.array(page.evaluate("window.__hoverMap.of.outline"), np.float64)


def label(page: Page, name: str) -> None:
    """Give what is selected a label that may be new."""
    box = page.get_by_role("combobox", name=re.compile("Another label"))
    box.fill(name)
    box.press("Enter")
    page.get_by_role("button", name=re.compile(f"^Label [0-9,]+ as “{re.escape(name)}”")).click()


def in_polygon(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule, half-open: the rule that the map states. [shape=(n,)]"""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    xj, yj = polygon[-1]
    for xi, yi in polygon:
        crosses = (yi > y) != (yj > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (xj - xi) * (y - yi) / (yj - yi) + xi)
        xj, yj = xi, yi
    return inside


def base(page: Page) -> NDArray[np.float64]:
    """The coordinates of the drawn map as the browser got them. [shape=(n, 2)]"""
    raw: list[int] = page.evaluate(
        "async () => Array.from(new Uint8Array(await (await fetch("
        "new URL(window.__hoverMap.of.data.map, window.__hoverMap.of.root))).arrayBuffer()))"
    )
    import json

    data = bytes(raw)
    length = int.from_bytes(data[:4], "little")
    header: dict[str, Any] = json.loads(data[4 : 4 + length])
    steps = np.frombuffer(data[4 + length :], "<u2").reshape(-1, 2).astype(np.float64)
    low, high = np.array([header["x0"], header["y0"]]), np.array([header["x1"], header["y1"]])
    return low + steps / 65534 * (high - low)
