"""When and for how long this process compiles kernels, from numba's own events.

Only numba knows whether a kernel has to be compiled, once it is called for the first time: the
cache depends on the integrator, the metric, the precision and the place of installation.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from numba.core import event

from particleflow.kernels import _jit, _turns

_WORTH_KEEPING = 1.0
"""Seconds from which on the time that a kernel took is kept for the next time."""


class Compiling(NamedTuple):
    """A kernel that is being compiled, and the seconds that it took the last time, if known."""

    kernel: str
    last_time: float | None


class _Compiler(event.Listener):
    """Counts the seconds of compilations; those inside another one are not counted twice."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.begins: Callable[[Compiling], None] | None = None
        self.ends: Callable[[], None] | None = None
        self._depth, self._begin = 0, 0.0

    def on_start(self, event: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._begin = time.perf_counter()
            if self.begins is not None:
                kernel = _name_of(event)
                self.begins(Compiling(kernel, _seconds_of_last_time().get(kernel)))

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            seconds = time.perf_counter() - self._begin
            self.seconds += seconds
            if seconds > _WORTH_KEEPING:
                _keep(_name_of(event), seconds)
            if self.ends is not None:
                self.ends()


def _name_of(event: Any) -> str:
    function = event.data["dispatcher"].py_func
    module = (function.__module__ or "").removeprefix(_jit.__name__.rpartition(".")[0] + ".")
    return f"{module}.{function.__name__.lstrip('_')}"


def _path_of_seconds() -> Path | None:
    """A file beside the folders of all versions of the kernels, which change little."""
    return Path(_jit.cache_folder).parent / "compiling.json" if _jit.cache_folder else None


def _seconds_of_last_time() -> dict[str, float]:
    path = _path_of_seconds()
    try:
        found = json.loads(path.read_text()) if path else {}
    except (OSError, ValueError):  # none yet, or no JSON
        return {}
    return found if isinstance(found, dict) else {}


def _keep(kernel: str, seconds: float) -> None:
    path = _path_of_seconds()
    if path is None:
        return
    with contextlib.suppress(OSError):  # a time that is not kept is no loss
        known = _seconds_of_last_time() | {kernel: round(seconds, 1)}
        new = path.with_name(f"{path.name}-{os.getpid()}")
        new.write_text(json.dumps(known))
        new.replace(path)  # at once: other processes read it


_compiler = _Compiler()
event.register("numba:compile", _compiler)


def compiling_seconds() -> float:
    """Seconds that this process has spent on compiling kernels."""
    return _compiler.seconds


def when_compiling(
    begins: Callable[[Compiling], None] | None,
    ends: Callable[[], None] | None,
    wait: Callable[[], None] | None,
) -> None:
    """Have functions called when the kernels of this process are not ready.

    ``begins`` is called before each kernel that this process compiles, and ``ends`` after it;
    ``wait`` once, when it next waits for another process that compiles one. None takes a function
    back.
    """
    _compiler.begins, _compiler.ends = begins, ends
    _turns.when_waiting(wait)


def compile_notice(ranks: int = 1) -> str:
    """A line for a user whose run has to wait for the compiler."""
    if _jit.cache_folder:
        turns = f"one of {ranks} ranks compiles each, the others wait for it; " if ranks > 1 else ""
        return (
            "compiling the kernels (once for each integrator and precision in this environment, "
            f"about a minute; {turns}Ctrl-C waits for the compiler)"
        )
    hint = "PARTICLEFLOW_CACHE=0" if os.environ.get("PARTICLEFLOW_CACHE") == "0" else "no cache"
    return f"compiling the kernels (every time: {hint}), under a minute"


def cache_folder() -> str:
    """The folder of compiled kernels; empty if none can be written."""
    return _jit.cache_folder
