"""Vectors brought along in the browser: dropped, read back in a sentence, added, drawn."""

import io
import secrets

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hover_core.data.clips import Clip, clip_id
from hover_core.tables.intake import Intake
from tests.browser import acts
from tests.browser.conftest import Standing


@pytest.mark.timeout(240)
def test_a_file_of_vectors_becomes_a_map(standing: Standing, page: Page) -> None:
    dataset = standing.datasets.new(f"brought {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(80)]
    dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    file = io.BytesIO()
    vectors = np.random.default_rng(0).normal(size=(71, 12)).astype(np.float32)
    np.savez(file, ids=np.array([*urls[:70], "https://example.org/none.wav"]), vectors=vectors)

    page.goto(standing.at("vectorize", dataset))
    page.get_by_text("Bring your own vectors").click()
    buffer = {"name": "clap.npz", "mimeType": "application/octet-stream", "buffer": file.getvalue()}
    page.locator("input[type=file]").set_input_files(buffer)  # type: ignore[arg-type]
    expect(page.get_by_text("70 vectors of 12 numbers · 10 clips of 80 will have none")).to_be_visible()
    expect(page.get_by_text("1 row cannot be used and will be left out.")).to_be_visible()
    page.get_by_role("button", name="Add 70 vectors").click()
    expect(page.get_by_text("70 vectors added as “own-clap”")).to_be_visible()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("clap", exact=True).click()
    expect(page.get_by_text("10 clips without one will not be on the map")).to_be_visible()
    asked = "() => performance.getEntriesByType('resource').map(entry => entry.name.split('/').pop())"
    page.wait_for_function(f"() => ({asked})().some(name => name.startsWith('plotly'))")  # before there is any map
    assert "map.js" in page.evaluate(asked)
    page.get_by_role("button", name="Draw the map").click()
    page.wait_for_function("() => window.__hoverMap")
    page.evaluate("() => { window.__first = window.__hoverMap.of }")  # the first sketch, or already the map itself
    expect(page.get_by_role("link", name="Next: label")).to_be_visible(timeout=90_000)
    acts.map_ready(page, 80)
    assert page.evaluate("window.__hoverMap.of === window.__first && !window.__first.data.placeholder")

    embedding = dataset.embedding()
    assert embedding is not None
    assert (embedding.vectorizer, embedding.clips) == ("own-clap", 70)
