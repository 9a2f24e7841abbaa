"""Devices, threads, and the kernels' cache."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Literal, get_args

import numba
import scipy.linalg  # noqa: F401 (loads the LAPACK that numba calls, for the controller to find)
from threadpoolctl import ThreadpoolController

from particleflow.errors import DeviceError
from particleflow.kernels import _jit, cpu

Device = Literal["auto", "cpu"]
DEVICES: tuple[str, ...] = get_args(Device)

_blas = ThreadpoolController()


def kernels_are_compiled() -> bool:
    """Whether an earlier run has left its compiled kernels on disk."""
    return _jit.is_cached()


def kernels_of(device: str) -> ModuleType:
    """The kernels of a device, ``cpu`` or ``cuda``: modules of the same names and signatures."""
    return cpu


def resolve_device(device: str) -> str:
    """The device a run will use: ``auto`` and ``cpu`` both mean the processor's cores.

    Raises
    ------
    DeviceError
        The name is not one of `DEVICES`.
    """
    if device not in DEVICES:
        raise DeviceError(f"device: expected one of {', '.join(DEVICES)}, found {device!r}")
    return "cpu"


def resolve_threads(threads: int | None) -> int:
    """The number of threads to use: as numba has it now if None.

    Raises
    ------
    DeviceError
        More threads than numba was started with, or fewer than one.
    """
    most = numba.config.NUMBA_NUM_THREADS
    if threads is None:
        return int(numba.get_num_threads())
    if not 1 <= threads <= most:
        raise DeviceError(
            f"threads: expected 1 to {most}, found {threads} (NUMBA_NUM_THREADS sets the most)"
        )
    return threads


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


def compile_notice() -> str:
    """What to tell a user whose first run has to wait."""
    if _jit.cache_folder:
        return "compiling the kernels (once for this version, under a minute)"
    hint = "PARTICLEFLOW_CACHE=0" if os.environ.get("PARTICLEFLOW_CACHE") == "0" else "no cache"
    return f"compiling the kernels (every time: {hint}), under a minute"
