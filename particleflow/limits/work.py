"""One replicate of a limit, as a process or a rank carries it out."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow import config
from particleflow.jobs.prepare import simulate
from particleflow.ranks.world import ALONE
from particleflow.run.observables import build
from particleflow.sweeps.work import Result, Task, timed

EVENTS = ("releases", "repulsors", "origins")
"""Observables whose numbers at the end stand beside the shares of the cells."""


class Base(NamedTuple):
    """What all replicates have in common.

    Attributes
    ----------
    path : str
        The configuration file, to which the paths of its inputs are relative.
    tables : dict
        The tables of the configuration, not checked.
    times, points : list of float
        When and where f is recorded; points are in the user's x.
    observables : tuple of str
    """

    path: str
    tables: dict[str, Any]
    times: list[float]
    points: list[float]
    observables: tuple[str, ...]

    def source(self, changes: dict[str, Any]) -> config.Source:
        """The checked configuration of a replicate, in which these keys have other values."""
        return config.convert(Path(self.path), config.changed(self.tables, changes))


def carry_out(base: Base, task: Task) -> Result:
    """Carry out a replicate on one thread of the CPU; any failure is a result, too.

    Its values are ``f`` (T, P), ``residual`` (T, s), each observable (T,), and at the end
    ``cell_share`` (4 s + 1,) and ``events`` (3,), the numbers of `EVENTS` over m; as lists.
    """
    return timed(task, lambda: _run(base, task.changes))


def _run(base: Base, changes: dict[str, Any]) -> dict[str, Any]:
    sim, _, _ = simulate(base.source(changes), device="cpu", threads=1, comm=ALONE)
    quantities = build(base.observables, sim)
    found: dict[str, list[Any]] = {name: [] for name in ("f", "residual", *base.observables)}
    points = np.array(base.points)
    for time in base.times:
        if time > sim.time:
            sim.run(time)
        found["f"].append(sim.predict(points).tolist())
        found["residual"].append(sim.residual.tolist())
        for quantity in quantities:
            found[quantity.name].append(float(np.asarray(quantity.evaluate())))
    shares = sim.state.cell_counts() / sim.size
    events = [float(np.asarray(one.evaluate())) / sim.size for one in build(EVENTS, sim)]
    return found | {"cell_share": shares.tolist(), "events": events}
