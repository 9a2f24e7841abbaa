"""Arrays of the size of the state, which live where the kernels run: in the host's memory."""

import numpy as np

from .._jit import float64, leaf


@leaf
def read(a, b, c, i):
    """The variables of neuron i as float64, whatever the precision of the state."""
    return float64(a[i]), float64(b[i]), float64(c[i])


def empty(shape, dtype=np.float64):
    """A new array, whose values are undefined."""
    return np.empty(shape, dtype)


def upload(array, dtype):
    """The values of a host array with this dtype; the array itself if it has the dtype already."""
    return np.asarray(array, dtype)


def download(array):
    """The values of an array as a host array, which here is the array itself."""
    return array


class Frame:
    """The host arrays of one frame, of which this process fills n rows.

    Attributes
    ----------
    position : (n, 2) float32 or float64
        rhat and theta.
    cells : (n,) int32
    chosen : (4,) int64
        The neurons shown: m and N, where row j of all N rows is neuron ``j m // N`` of all m; the
        index of the first neuron of this process, and the first row of this frame.
    """

    def __init__(self, n, dtype, chosen):
        self.chosen = np.array(chosen, dtype=np.int64)
        self.position = np.empty((n, 2), dtype)
        self.cells = np.empty(n, np.int32)

    def wait(self):
        """Return once the arrays hold what ``pack_frame`` was asked for, which here is at once."""
