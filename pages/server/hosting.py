"""Whether this is Streamlit Community Cloud, whose shell and proxy stand between a browser and the app."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from pages.server.shared import secret

MOUNT = Path("/mount/src")  # Community Cloud clones a repository below it
_APP = Path(__file__).resolve()


@functools.cache
def on_community_cloud() -> bool:
    """Whether the app lies where Community Cloud puts it. `HOVER_COMMUNITY_CLOUD` (1 or 0) overrides this."""
    setting = os.environ.get("HOVER_COMMUNITY_CLOUD", "") or secret("HOVER_COMMUNITY_CLOUD")
    return setting == "1" if setting else _APP.is_relative_to(MOUNT)
