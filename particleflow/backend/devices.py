"""The device and the threads of a run: what is available, chosen, and in use."""

import ctypes
import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Literal, get_args

import numba
import numpy as np
import scipy.linalg  # noqa: F401 (loads the LAPACK that numba calls, for the controller to find)
from threadpoolctl import ThreadpoolController

from particleflow.errors import DeviceError
from particleflow.kernels import cpu
from particleflow.ranks.world import Ranks

Device = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[str, ...] = get_args(Device)

_blas = ThreadpoolController()


def kernels_of(device: str) -> ModuleType:
    """The kernels of ``cpu`` or ``cuda``: two modules that offer `State` the same functions."""
    # CUDA's are imported on demand, since numba-cuda may not be installed
    if device == "cuda":
        return importlib.import_module("particleflow.kernels.cuda")
    return cpu


def resolve_device(device: str) -> str:
    """The device that a run will use, ``cpu`` or ``cuda``; ``auto`` is CUDA where a device works.

    ``auto`` never chooses numba's simulator of CUDA (``NUMBA_ENABLE_CUDASIM=1``); ``cuda`` does.

    Raises
    ------
    DeviceError
        The name is not one of `DEVICES`, or ``cuda`` cannot be used; says which part is missing.
    """
    if device not in DEVICES:
        raise DeviceError(f"device: expected one of {', '.join(DEVICES)}, found {device!r}")
    if device == "cpu" or (device == "auto" and _is_simulated()):
        return "cpu"
    problem = cuda_problem()
    if problem is not None and device == "cuda":
        raise DeviceError(f"device: cuda cannot be used: {problem}")
    return "cpu" if problem is not None else "cuda"


def _is_simulated() -> bool:
    return bool(numba.config.ENABLE_CUDASIM)


def cuda_problem() -> str | None:
    """What is missing for CUDA: numba-cuda, the driver, or a device; None if CUDA works."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed; pip install 'numba-cuda[cu13]', or cu12"
    if not _is_simulated() and not _has_driver():
        return "no NVIDIA driver is installed (libcuda is not found)"
    found = _cuda_devices().problem()
    return None if found is None else str(found)


def _has_driver() -> bool:
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False


def _cuda_devices() -> ModuleType:
    return importlib.import_module("particleflow.kernels.cuda.devices")


def device_notice(device: str) -> str | None:
    """A line that tells the user the device of a run; None for the CPU."""
    return f"running on CUDA: {_cuda_devices().name()}" if device == "cuda" else None


def free_memory(device: str) -> int | None:
    """Bytes of memory that are free on a device; None for the CPU and for the simulator."""
    memory = _cuda_devices().memory() if device == "cuda" else None
    return None if memory is None else int(memory[0])


@contextmanager
def room_for(m: int, bytes_a_neuron: float, device: str, free: int | None = None) -> Iterator[None]:
    """A context that turns lack of device memory into an error that says how many neurons fit.

    Parameters
    ----------
    m : int
        Number of neurons of the run.
    bytes_a_neuron : float
        Memory that a run takes for each neuron.
    device : str
    free : int, optional
        Bytes that were free before any of the neurons was there; by default those free now.

    Raises
    ------
    DeviceError
        The device has not enough memory. On the CPU the MemoryError is raised as it is.
    """
    memory = _cuda_devices().memory() if device == "cuda" else None
    try:
        yield
    except MemoryError as problem:
        if memory is None:
            raise
        total = memory[1]
        free = memory[0] if free is None else free
        raise DeviceError(
            f"device: {m:,} neurons do not fit into the memory of {_cuda_devices().name()}, of "
            f"which {free / 1e9:.3g} of {total / 1e9:.3g} GB were free: about "
            f"{int(free / bytes_a_neuron):,} would ({problem})"
        ) from None


def use_device_of(ranks: Ranks, device: str) -> None:
    """Let each rank of a machine use a device of its own, in turn if there are more ranks.

    To be called before anything else uses a device; does nothing where there is none.
    """
    may_be_used = device == "cuda" or (device == "auto" and not _is_simulated())
    is_there = importlib.util.find_spec("numba_cuda") is not None and (
        _is_simulated() or _has_driver()
    )
    if ranks.local_rank > 0 and may_be_used and is_there:
        _cuda_devices().use(ranks.local_rank)


def cpu_threads() -> int:
    """Number of threads that numba was started with, the most that can be used."""
    return int(numba.config.NUMBA_NUM_THREADS)


def resolve_threads(threads: int | None, share: int | None = None) -> int:
    """The number of threads to use.

    If ``threads`` is None it is the number that numba uses now, but at most ``share``.

    Raises
    ------
    DeviceError
        ``threads`` is no whole number, below 1, or above what numba was started with.
    """
    most = cpu_threads()
    if threads is None:
        return min(int(numba.get_num_threads()), share or most)
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise DeviceError(f"threads: expected a whole number, found {threads!r}")
    if not 1 <= threads <= most:
        raise DeviceError(
            f"threads: expected 1 to {most}, found {threads} (NUMBA_NUM_THREADS sets the most)"
        )
    return int(threads)


@contextmanager
def threads_in_use(threads: int) -> Iterator[None]:
    """A context in which the kernels run on this many threads, and LAPACK on one.

    With more threads the bits of LAPACK's results would depend on their number.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        with _blas.limit(limits=1):
            yield
    finally:
        numba.set_num_threads(before)
