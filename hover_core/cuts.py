"""How a recording is cut into clips: the public name of `hover_core.audio.segmentation`."""

from hover_core.audio.segmentation import Cut

__all__ = ["Cut"]
