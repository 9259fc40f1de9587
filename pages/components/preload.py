"""Loads what a map needs into the browser while a person still reads: the first map then only has to be drawn."""

from typing import Any

import streamlit as st

from pages.server import assets

SCRIPT = """
const PAUSE_MS = 1500 // after the page itself
export default function ({ data }) {
  const script = document.querySelector('script[type="module"][src*="static/js/index"]')
  const root = script ? script.src.split("static/js/index")[0] : new URL(".", location.href).href
  const timer = setTimeout(async () => {
    try {
      await import(root + data.assets + "map.js")
      const { loadPlotly } = await import(root + data.assets + "plotly_frame.js")
      await loadPlotly(new URL(data.plotly, root).href)
    } catch {} // the map asks for the same again, and says what is wrong
  }, PAUSE_MS)
  return () => clearTimeout(timer)
}
"""


def map_soon() -> None:
    """Say that a map is likely to be drawn on this page; nothing is shown."""
    _element()(key="early", data={"assets": assets.folder(), "plotly": assets.plotly_bundle()}, height=1)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("early", js=SCRIPT)
