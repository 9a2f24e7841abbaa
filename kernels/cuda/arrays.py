"""Arrays of the size of the state, which live in the device's memory, and frames for the host."""

from contextlib import contextmanager

import numpy as np

from ._jit import cuda, stream


class OutOfMemory(MemoryError):
    """The device has no room for an array."""


@contextmanager
def _told_apart():
    """Turn whatever the driver raises when memory is short into `OutOfMemory`."""
    try:
        yield
    except Exception as problem:  # the types differ between versions of numba-cuda
        if "OUT_OF_MEMORY" in str(problem).upper() or isinstance(problem, MemoryError):
            raise OutOfMemory(str(problem)) from None
        raise


def empty(shape, dtype=np.float64):
    """A new array of the device, whose values are undefined.

    Raises
    ------
    OutOfMemory
    """
    with _told_apart():
        return cuda.device_array(shape, dtype, stream=stream())


def upload(array, dtype):
    """The values of a host array in an array of the device; one of the device as it is.

    Raises
    ------
    OutOfMemory
    """
    if not isinstance(array, np.ndarray):
        return array
    with _told_apart():
        return cuda.to_device(np.ascontiguousarray(array, dtype), stream=stream())


def fill(array, values):
    """Copy a host array's values into an array of the device."""
    array.copy_to_device(np.ascontiguousarray(values, array.dtype), stream=stream())


def download(array):
    """The values of an array of the device as a host array."""
    out = array.copy_to_host(stream=stream())
    stream().synchronize()
    return out


def download_into(array, out):
    """Copy an array of the device into a host array of its shape, of whatever dtype."""
    if out.dtype == array.dtype and out.flags.c_contiguous:
        array.copy_to_host(out, stream=stream())
        stream().synchronize()
    else:
        out[...] = download(array)


class Frame:
    """The host arrays of one frame, into whose memory a second stream can copy while steps go on.

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
        self.position = cuda.pinned_array((n, 2), dtype)
        self.cells = cuda.pinned_array(n, np.int32)
        self._copies = cuda.stream()
        self._packed, self._copied = cuda.event(), cuda.event()
        self._on_device = None

    def on_device(self, precision):
        """The arrays of the device that a kernel fills.

        For a float32 state they are float32 whatever the frame is; `wait` converts them then.
        """
        if self._on_device is None:
            dtype = np.float32 if precision == np.float32 else self.position.dtype
            self._on_device = empty(self.position.shape, dtype), empty(self.cells.shape, np.int32)
            self._received = (
                self.position
                if dtype == self.position.dtype
                else cuda.pinned_array(self.position.shape, dtype)
            )
        return self._on_device

    def fetch(self):
        """Let the second stream copy the frame, once kernels in the first one have filled it."""
        position, cells = self._on_device
        self._packed.record(stream())
        self._packed.wait(self._copies)
        position.copy_to_host(self._received, stream=self._copies)
        cells.copy_to_host(self.cells, stream=self._copies)
        self._copied.record(self._copies)

    def wait(self):
        """Return when the host arrays are filled; any thread may call this."""
        cuda.current_context()  # a thread that has not used the device yet gets the context here
        self._copied.synchronize()
        if self._received is not self.position:
            self.position[...] = self._received
