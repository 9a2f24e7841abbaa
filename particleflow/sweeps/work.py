"""One run of a sweep, as a process or a rank carries it out."""

import time
from collections.abc import Callable
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
"""Columns that every sweep has: tau at the end, and the rms of the residuals there in spreads."""


class Base(NamedTuple):
    """The settings that all runs of a sweep have in common.

    Attributes
    ----------
    path : str
        The configuration file, to which the paths of its inputs are relative.
    tables : dict
        The tables of the configuration, not checked.
    observables : tuple of str
        Names of the observables that are recorded at the end of a run.
    """

    path: str
    tables: dict[str, Any]
    observables: tuple[str, ...]

    def source(self, changes: dict[str, Any]) -> config.Source:
        """The checked configuration of a run, in which these keys have other values."""
        return config.convert(Path(self.path), config.changed(self.tables, changes))


class Task(NamedTuple):
    """A run to carry out: its number, the keys that it changes, and its trajectory file or None."""

    number: int
    changes: dict[str, Any]
    trajectory: str | None


class Result(NamedTuple):
    """The result of a run: what it found by name, or why it failed, and the seconds it took."""

    number: int
    values: dict[str, Any]
    problem: str | None
    seconds: float


def carry_out(base: Base, task: Task) -> Result:
    """Carry out a run on one thread of the CPU; any failure is a result, too."""
    return timed(task, lambda: _run(base, task))


def timed(task: Task, run: Callable[[], dict[str, Any]]) -> Result:
    """The result of a task that a function carries out; whatever it raises is a result, too."""
    begin = time.perf_counter()
    values: dict[str, Any] = {}
    try:
        values, problem = run(), None
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
    # before the run, since some observables compare with the start
    quantities = build(base.observables, simulation)
    simulation.run(until, stop=stop)
    if task.trajectory is not None:
        to_planned_layout(task.trajectory)
    found = {"time": simulation.time, "fit": _fit(simulation)}
    return found | {q.name: float(np.asarray(q.evaluate())) for q in quantities}


def _fit(simulation: Simulation) -> float:
    """The root mean square of the residuals over the spread of the samples; weighted, as it is."""
    return simulation.samples.rms(simulation.residual) / simulation.samples.spread
