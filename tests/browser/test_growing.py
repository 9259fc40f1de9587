"""Clips that are added to a mapped dataset come to lie on its map; what was there stays where it was."""

import re
import secrets

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hover_core.analysis import maps
from hover_core.data.clips import Clip, clip_id
from hover_core.store import vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from tests.browser import acts
from tests.browser.conftest import Standing

KEY = "mfcc-mean-32-22050-v1"


def _add(dataset: Dataset, numbers: range, *, vectors: bool) -> None:
    urls = [f"demo:d{number:04d}.ogg" for number in numbers]
    dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    if vectors:
        drawn = np.random.default_rng(1).normal(size=(len(numbers), 32)).astype(np.float32)
        with dataset.store.write() as connection:
            vector_rows.add_vectors(connection, dataset.id, KEY, list(numbers), drawn)


@pytest.mark.timeout(240)
def test_new_clips_are_placed_on_the_map_and_a_new_one_is_drawn_by_a_button(standing: Standing, page: Page) -> None:
    dataset = standing.datasets.new(f"growing {secrets.token_hex(4)}")
    _add(dataset, range(100), vectors=True)
    dataset.change_settings(vectorizer=KEY)
    maps.embed(dataset, KEY)
    old = dataset.embedding()
    assert old is not None
    before = dataset.coordinates(old).copy()
    _add(dataset, range(100, 120), vectors=False)

    page.goto(standing.at("vectorize", dataset))
    acts.map_ready(page, 120)
    expect(page.get_by_text("20 clips have no place on this map yet")).to_be_visible()
    expect(page.get_by_role("button", name="Draw the map again")).to_be_visible()
    page.get_by_role("button", name="Vectorize 20 more clips and place them").click()
    expect(page.get_by_text("no place on this map yet")).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("button", name=re.compile("place them"))).to_have_count(0, timeout=60_000)

    grown = dataset.embedding()
    assert grown is not None
    assert (grown.id, grown.clips) == (old.id, 120)
    assert dataset.coordinates(grown)[:100].tobytes() == before.tobytes()

    page.get_by_role("button", name="Draw the map again").click()
    another = "old => !window.__hoverMap.of.data.map.startsWith(old)"
    page.wait_for_function(another, arg=f"map/{old.id}?", timeout=90_000)
    acts.map_ready(page, 120)

    again = dataset.embedding()
    assert again is not None
    assert again.clips == 120
    assert "fitted" in again.settings
