"""Types of arrays that all folders share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # vectors [shape=(n, d)], coordinates [shape=(n, 2 or more)], scores [shape=(n,)]
Positions = NDArray[np.int64]  # of clips in the order of their dataset [shape=(n,)]
