"""What a trajectory file holds, as facts by name."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import TrajectoryError

if TYPE_CHECKING:
    from .trajectory import Trajectory

ISOLATED_SECONDS = 60
"""Time that a file may take in a process of its own."""


def facts_of(trajectory: "Trajectory") -> dict[str, Any]:
    """In the order in which to show them."""
    times = trajectory.time
    facts: dict[str, Any] = {
        "file": str(trajectory.path),
        "schema": trajectory.schema_version,
        "ranks": trajectory.ranks,
        "neurons": trajectory.size,
        "recorded": int(trajectory.ids.size),
        "samples": trajectory.samples.size,
        "metric": trajectory.metric,
        "integrator": trajectory.integrator,
        "alpha": trajectory.alpha,
        "frames": trajectory.frames,
        "planned_frames": trajectory.planned_frames,
        "complete": trajectory.is_complete,
        "time_first": float(times[0]) if times.size else None,
        "time_last": float(times[-1]) if times.size else None,
        **trajectory.storage(),
        "observables": list(trajectory.observables),
    }
    if "loss" in trajectory.observables and trajectory.loss.size:
        facts["loss_first"] = float(trajectory.loss[0])
        facts["loss_last"] = float(trajectory.loss[-1])
    return facts


def isolated(file: Path, as_json: bool) -> str:
    """What ``particleflow info`` prints of a file, from a process with a limit of time.

    Raises
    ------
    TrajectoryError
        It is no trajectory, or the HDF5 library hangs or crashes on it.
    """
    command = [sys.executable, "-m", "particleflow", "info", str(file), *["--json"] * as_json]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=ISOLATED_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise TrajectoryError(
            f"{file}: is damaged: the HDF5 library has not read it in {ISOLATED_SECONDS} s"
        ) from None
    if done.returncode < 0:
        raise TrajectoryError(
            f"{file}: is damaged: the HDF5 library crashes on it (signal {-done.returncode})"
        )
    if done.returncode:
        raise TrajectoryError(done.stderr.strip().removeprefix("particleflow: "))
    return done.stdout
