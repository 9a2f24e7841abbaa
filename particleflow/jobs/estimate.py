"""Time, memory and disk that a run will need, from a short trial of the run."""

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from particleflow.backend import compiling_seconds

if TYPE_CHECKING:
    from particleflow.run.simulation import Simulation

    from .prepare import Run

TRIAL_SECONDS = 3.0


class _Enough(Exception):
    """The trial has lasted long enough."""


def estimate(run: "Run") -> dict[str, Any]:
    """Facts by name: sizes in bytes, steps a second, and how far a trial of a few seconds came.

    The trial advances the run and takes its writer away: the run is not to be carried out
    afterwards. The seconds of the whole run follow from its steps if all are alike, and are known
    if the trial has come to the end of the run; else they are those at the pace of the trial. A
    run without an end has none, unless the trial has come to its end.
    """
    simulation, until = run.simulation, run.until
    file_bytes, buffers = run.writer.size(simulation, until)
    simulation.writers.clear()  # the trial writes no file
    seconds, is_whole = _try(simulation, until, run.stop)
    rate = simulation.step / seconds
    facts: dict[str, Any] = {
        "file_bytes": file_bytes,
        "memory_bytes": _memory() + buffers,
        "trial_seconds": round(seconds, 3),
        "steps_per_second": float(f"{rate:.3g}"),
        "tau_reached": simulation.time,
    }
    step = getattr(simulation.integrator, "step", None)
    if is_whole:
        facts |= {"steps": simulation.step, "seconds": round(seconds, 3)}
    elif step is None and math.isfinite(until):
        share = simulation.time / until
        facts["seconds"] = float(f"{seconds / share:.3g}") if share > 0.0 else math.inf
        facts["basis"] = "at the pace of the trial; steps usually grow later"
    elif step is not None and math.isfinite(until):
        steps = round(until / step)
        facts |= {"steps": steps, "seconds": float(f"{steps / rate:.3g}")}
    return facts


def _try(simulation: "Simulation", until: float, stop: float) -> tuple[float, bool]:
    """The seconds of the trial, and whether the trial was the whole run."""
    begin = time.perf_counter() - compiling_seconds()

    def elapsed() -> float:
        """Seconds without those of the compiler, which a second run does not need."""
        return time.perf_counter() - compiling_seconds() - begin

    def look(sim: "Simulation") -> None:
        if elapsed() > TRIAL_SECONDS and sim.time < until:
            raise _Enough

    is_whole = True
    try:
        simulation.run(until, progress=look, stop=stop)
    except _Enough:
        is_whole = False
    return elapsed(), is_whole


def _memory() -> int:
    """The most bytes of memory that this process has had so far; 0 on Windows."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else 1024 * most)  # bytes on macOS, else KiB
