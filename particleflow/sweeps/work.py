"""One run of a sweep."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow import config
from particleflow.errors import ParticleflowError
from particleflow.jobs.prepare import prepare, simulate
from particleflow.ranks.world import ALONE
from particleflow.run.observables import build
from particleflow.run.simulation import Simulation
from particleflow.trajectory import to_planned_layout

ALWAYS = ("time", "fit")
"""Columns that every sweep has: tau at the end; rms of the residuals over the samples' spread."""


class Base(NamedTuple):
    """The settings that all runs of a sweep have in common.

    Attributes
    ----------
    path : str
        The configuration file, to which the paths of its inputs are relative.
    tables : dict
        What it holds.
    observables : tuple of str
        Recorded at the end.
    """

    path: str
    tables: dict[str, Any]
    observables: tuple[str, ...]

    def source(self, changes: dict[str, Any]) -> config.Source:
        """The configuration of a run."""
        return config.convert(Path(self.path), config.changed(self.tables, changes))


class Task(NamedTuple):
    """A run: its number, the keys that it changes, and where its trajectory goes, if anywhere."""

    number: int
    changes: dict[str, Any]
    trajectory: str | None


class Result(NamedTuple):
    """The result of a run: its numbers, or why it failed, and the seconds it took."""

    number: int
    values: dict[str, float]
    problem: str | None
    seconds: float


def carry_out(base: Base, task: Task) -> Result:
    """Run on one thread; a failure is a result, too."""
    begin = time.perf_counter()
    values: dict[str, float] = {}
    try:
        values, problem = _run(base, task), None
    except ParticleflowError as found:
        problem = str(found)
    except Exception as found:
        problem = f"{type(found).__name__}: {found}"
    return Result(task.number, values, problem, time.perf_counter() - begin)


def _run(base: Base, task: Task) -> dict[str, float]:
    options: dict[str, Any] = {"device": "cpu", "threads": 1, "comm": ALONE}
    if task.trajectory is None:
        simulation, until, stop = simulate(base.source(task.changes), **options)
    else:
        changes = task.changes | {"output.file": task.trajectory, "output.checkpoint_every": 0.0}
        simulation, until, stop, _ = prepare(base.source(changes), overwrite=True, **options)
    quantities = build(base.observables, simulation)
    simulation.run(until, stop=stop)
    if task.trajectory is not None:
        to_planned_layout(task.trajectory)
    found = {"time": simulation.time, "fit": _fit(simulation)}
    return found | {q.name: float(np.asarray(q.evaluate())) for q in quantities}


def _fit(simulation: Simulation) -> float:
    return float(np.sqrt(np.mean(simulation.residual**2))) / simulation.samples.spread
