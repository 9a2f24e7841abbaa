"""Devices and threads."""

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
    """The kernels of a device, ``cpu`` or ``cuda``: modules of the same names and signatures."""
    if device == "cuda":
        return importlib.import_module("particleflow.kernels.cuda")
    return cpu


def resolve_device(device: str) -> str:
    """The device a run will use, ``cpu`` or ``cuda``; ``auto`` is CUDA where a device works.

    Numba's simulator of CUDA (``NUMBA_ENABLE_CUDASIM=1``) has to be asked for by ``cuda``.

    Raises
    ------
    DeviceError
        The name is not one of `DEVICES`, or ``cuda`` cannot be used: which part is missing.
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
    """The part that CUDA lacks here: numba-cuda, the driver, or a device; None if it works."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed; pip install 'particleflow[cuda13]', or cuda12"
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
    """A line for the user about the device of a run; None for the processor."""
    return f"running on CUDA: {_cuda_devices().name()}" if device == "cuda" else None


def free_memory(device: str) -> int | None:
    """Bytes that are free on a device; None on the CPU and in the simulator."""
    memory = _cuda_devices().memory() if device == "cuda" else None
    return None if memory is None else int(memory[0])


@contextmanager
def room_for(m: int, bytes_a_neuron: float, device: str, free: int | None = None) -> Iterator[None]:
    """Turn a lack of memory on a device into an error that says how many neurons would fit.

    ``free`` is what was free before any of them was there; by default what is now.

    Raises
    ------
    DeviceError
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
    """Let this rank use its own device: those of a machine in turn, one rank after the other.

    Before anything else asks for one; harmless where there is none.
    """
    may_be_used = device == "cuda" or (device == "auto" and not _is_simulated())
    is_there = importlib.util.find_spec("numba_cuda") is not None and (
        _is_simulated() or _has_driver()
    )
    if ranks.local_rank > 0 and may_be_used and is_there:
        _cuda_devices().use(ranks.local_rank)


def cpu_threads() -> int:
    """Threads that numba was started with."""
    return int(numba.config.NUMBA_NUM_THREADS)


def resolve_threads(threads: int | None, share: int | None = None) -> int:
    """The number of threads to use: as numba has it now if None, and no more than ``share``.

    Raises
    ------
    DeviceError
        More threads than numba was started with, or fewer than one.
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
    """Run the kernels on this many threads and LAPACK on one, and as before afterwards.

    With more LAPACK's bits would depend on how many there are.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        with _blas.limit(limits=1):
            yield
    finally:
        numba.set_num_threads(before)
