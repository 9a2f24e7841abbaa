"""A guard against kernels in a process that was forked from one whose kernels have threads.

The threads of GNU OpenMP do not survive a fork: the runtime ends the child at its first parallel
region, and a pool of workers then waits for that child for ever. In the child the kernels are
therefore replaced by an error that says what to do.
"""

import os
from collections.abc import Callable
from typing import Any, NoReturn

import numba

from particleflow.errors import DeviceError
from particleflow.kernels import cpu

_OF_HOST = ("Frame", "arrays_of", "download", "empty", "order_of", "restored", "slot_bounds",
            "split_of", "upload", "wants_order")  # fmt: skip
"""Names of ``kernels.cpu`` that run no threads, and may be used in a forked child."""


def _refuse(*arguments: Any, **options: Any) -> NoReturn:
    raise DeviceError(
        "this process was forked from one that has used particleflow, and the threads of its "
        "kernels do not survive a fork: start worker processes by "
        "multiprocessing.get_context('spawn'), or use particleflow only in the workers"
    )


def _has_threads() -> bool:
    try:
        return bool(numba.threading_layer() == "omp")
    except ValueError:  # none have been started
        return False


def guard() -> None:
    """Replace the kernels of a forked child by an error, if its parent has used OpenMP threads."""
    if _has_threads():
        refuse: Callable[..., NoReturn] = _refuse
        for name in cpu.__all__:
            if name not in _OF_HOST:
                setattr(cpu, name, refuse)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=guard)
