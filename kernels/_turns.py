"""One process compiles a kernel; others that need it meanwhile wait, and load it from the cache.

Ranks, the workers of a sweep and two runs that a user starts at once ask for the same kernels at
the same time. Without turns each process would compile all kernels.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

LONGEST = 600.0
"""Seconds after which a process compiles for itself: the one that it waits for may be stopped."""
_POLL = 0.02  # seconds between two attempts to take a lock

_told: list[Callable[[], None]] = []


def when_waiting(tell: Callable[[], None] | None) -> None:
    """Have ``tell`` called, once, when this process has to wait for another one's compiler.

    None takes an earlier wish back.
    """
    _told[:] = [] if tell is None else [tell]


def take_turns(kernel: Any, folder: str) -> Any:
    """Let only one process at a time compile or load a kernel that is cached in this folder.

    Parameters
    ----------
    kernel : numba dispatcher
        Modified in place, and returned.
    folder : str
        Where the lock files lie, one for each kernel and place of installation.
    """
    function, compile_here = kernel.py_func, kernel.compile
    place = hashlib.sha256(function.__code__.co_filename.encode()).hexdigest()[:8]
    path = os.path.join(folder, f"{function.__module__}.{function.__name__}-{place}.lock")

    def compile_or_load(signature: Any) -> Any:
        # numba's own lock first: a thread that held our lock file and waited for numba's lock would
        # stop the process if another thread held numba's and needed the same kernel
        with global_compiler_lock:
            if isinstance(signature, tuple) and signature in kernel.overloads:
                return compile_here(signature)
            with _turn(path):
                return compile_here(signature)

    kernel.compile = compile_or_load
    return kernel


@contextmanager
def _turn(path: str) -> Iterator[None]:
    """Hold the lock of this file; where it cannot be had, go on without it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        yield
        return
    try:
        _wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


def _wait_for(descriptor: int) -> None:
    """Take the lock, or give up: there are no such locks here, or its holder takes too long."""
    end = time.monotonic() + LONGEST
    while fcntl is not None and time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            while _told:
                _told.pop()()
            time.sleep(_POLL)
        except OSError:
            return
