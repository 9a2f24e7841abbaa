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


class ScaledFrame:
    """A frame of neurons that are stored with a factor, which may be far too small for float32.

    Parameters
    ----------
    inner : Frame
        What kernels fill, in float64.
    factor : (n,) float64, or float
        The factor of rhat of each neuron, or of all, that never changes.
    dtype : dtype
        Precision of the positions.

    Attributes
    ----------
    position, cells
        As of `Frame`, without the factor.
    """

    def __init__(self, inner: Frame, factor: Array | float, dtype: np.dtype[Any]) -> None:
        self._inner, self._factor = inner, factor
        self._now = factor
        self._is_due = False
        self.position = np.empty(inner.position.shape, dtype)

    @property
    def cells(self) -> np.ndarray:
        """The cells, (n,) int32."""
        return self._inner.cells

    def begin(self, square: float) -> Frame:
        """The frame that kernels are to fill now.

        ``square`` is what the present rhat of stored neurons has to be multiplied by besides.
        """
        self._is_due = True
        self._now = self._factor / square
        return self._inner

    def wait(self) -> None:
        """Return when the arrays are filled, which a device may do later than the call."""
        self._inner.wait()
        if self._is_due:
            self._is_due = False
            rhat, theta = self._inner.position.T
            self.position[:, 0], self.position[:, 1] = rhat / self._now, theta
