"""`Cut`, the settings for cutting recordings into clips; its home is `hover_core.audio.segmentation`."""

from hover_core.audio.segmentation import Cut

__all__ = ["Cut"]
