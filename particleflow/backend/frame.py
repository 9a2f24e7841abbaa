"""The arrays of one frame, which a device may still be filling."""

from typing import Protocol

import numpy as np


class Frame(Protocol):
    """Host arrays of one frame, (n, 2) and (n,) int32, which `State.pack_frame` fills."""

    position: np.ndarray
    cells: np.ndarray

    def wait(self) -> None:
        """Return when the arrays are filled, which a device may do later than the call."""
        ...
