"""The arrays of one frame, which a device may still be filling."""

from typing import Any, Protocol

import numpy as np

from particleflow.arguments import Array


class Frame(Protocol):
    """Host arrays of one frame, (n, 2) and (n,) int32, which `State.pack_frame` fills."""

    @property
    def position(self) -> np.ndarray:
        """(rhat, theta), (n, 2)."""
        ...

    @property
    def cells(self) -> np.ndarray:
        """The cells, (n,) int32."""
        ...

    def wait(self) -> None:
        """Return when the arrays are filled, which a device may do later than the call."""
        ...


class WeightedFrame:
    """A frame whose neurons the kernels see with a factor, which it takes out.

    Parameters
    ----------
    inner : Frame
        What kernels fill.
    factor : (n,) float64
        The factor of rhat of each neuron.
    """

    def __init__(self, inner: Any, factor: Array) -> None:
        self.inner, self._factor = inner, factor
        self._is_due = False

    @property
    def position(self) -> np.ndarray:
        """(rhat, theta), (n, 2)."""
        return np.asarray(self.inner.position)

    @property
    def cells(self) -> np.ndarray:
        """The cells, (n,) int32."""
        return np.asarray(self.inner.cells)

    def begin(self) -> Any:
        """The frame that kernels are to fill now."""
        self._is_due = True
        return self.inner

    def wait(self) -> None:
        """Return when the arrays are filled, which a device may do later than the call."""
        self.inner.wait()
        if self._is_due:
            self._is_due = False
            self.position[:, 0] /= self._factor
