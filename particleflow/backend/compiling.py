"""When and for how long this process compiles kernels, from numba's own events.

Only numba knows whether a kernel has to be compiled, once it is called for the first time: the
cache depends on the integrator, the metric, the precision and the place of installation.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from numba.core import event

from particleflow.kernels import _jit, _turns


class _Compiler(event.Listener):
    """Counts the seconds of compilations; those inside another one are not counted twice."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tell: Callable[[], None] | None = None
        self._depth, self._begin = 0, 0.0

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._begin = time.perf_counter()
            # taken back before the call, so that `tell` is called once even if it compiles itself
            tell, self.tell = self.tell, None
            if tell is not None:
                tell()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._begin


_compiler = _Compiler()
event.register("numba:compile", _compiler)


def compiling_seconds() -> float:
    """Seconds that this process has spent on compiling kernels."""
    return _compiler.seconds


def when_compiling(tell: Callable[[], None] | None, wait: Callable[[], None] | None) -> None:
    """Have functions called when the kernels of this process are not ready.

    ``tell`` is called once, when this process next begins to compile a kernel; ``wait`` once, when
    it next waits for another process that compiles one. None takes a function back.
    """
    _compiler.tell = tell
    _turns.when_waiting(wait)


def compile_notice(ranks: int = 1) -> str:
    """A line for a user whose run has to wait for the compiler."""
    if _jit.cache_folder:
        turns = f"one of {ranks} ranks compiles each, the others wait for it; " if ranks > 1 else ""
        return (
            "compiling the kernels (once for each integrator and precision in this environment, a "
            f"minute or two; {turns}Ctrl-C waits for the compiler)"
        )
    hint = "PARTICLEFLOW_CACHE=0" if os.environ.get("PARTICLEFLOW_CACHE") == "0" else "no cache"
    return f"compiling the kernels (every time: {hint}), under a minute"


def cache_folder() -> str:
    """The folder of compiled kernels; empty if none can be written."""
    return _jit.cache_folder
