"""Loads the scripts of a map into the browser before there is a map, so that the first map appears sooner."""

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
    } catch {} // the map loads the same again, and reports the problem
  }, PAUSE_MS)
  return () => clearTimeout(timer)
}
"""


def map_soon() -> None:
    """Load the scripts of a map, because this page will probably draw one. Shows nothing."""
    _element()(key="preload", data={"assets": assets.folder(), "plotly": assets.plotly_bundle()}, height=1)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("preload", js=SCRIPT)
