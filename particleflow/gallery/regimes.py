"""The map of regimes over the initial scale and delta: many small runs, one a process at a time."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from particleflow import diagnostics
from particleflow._cast import Array
from particleflow.initialisation import initialise
from particleflow.integrators import Boost
from particleflow.samples import Samples
from particleflow.simulation import Simulation


class Regimes(NamedTuple):
    """Means over seeds at the end of training.

    Attributes
    ----------
    scale : (p,) float64
        rhat_0 is uniform in [-scale, scale].
    delta : (q,) float64
        In hat units.
    knots_near_samples, kernel_distance : (p, q) float64
    fit : (p, q) float64
        Root mean square of the residuals over the samples' spread.
    dead_fraction : (p, q) float64
    deviations : (p, q, 4) float64
        Standard deviations of these four over the seeds.
    """

    scale: Array
    delta: Array
    knots_near_samples: Array
    kernel_distance: Array
    fit: Array
    dead_fraction: Array
    deviations: Array


def map_of(tables: dict[str, Any]) -> Regimes:
    """Run a recipe's grid, in as many processes as there are processors, at most 16."""
    grid, samples = tables["grid"], tables["samples"]
    scales, deltas = np.array(grid["scale"], float), np.array(grid["delta"], float)
    points = list(product(scales.tolist(), deltas.tolist(), range(grid["seeds"])))
    one = partial(
        _run, samples=samples, count=tables["neurons"]["count"],
        tolerance=tables["flow"]["tolerance"], until=tables["flow"]["t_end"],
    )  # fmt: skip
    allowed = getattr(os, "sched_getaffinity", None)
    workers = min(len(allowed(0)) if allowed else os.cpu_count() or 1, 16)
    if workers == 1 or len(points) < 8:
        found = [one(point) for point in points]
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            found = list(pool.map(one, points, chunksize=max(1, len(points) // (8 * workers))))
    values = np.array(found).reshape(scales.size, deltas.size, grid["seeds"], 4)
    near, distance, fit, dead = np.moveaxis(values.mean(axis=2), -1, 0)
    return Regimes(scales, deltas, near, distance, fit, dead, values.std(axis=2))


def _run(
    point: tuple[float, float, int], samples: dict[str, Any], count: int, tolerance: float,
    until: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """(share of the knots near samples, kernel distance, fit, dead fraction) of one run."""
    scale, delta, seed = point
    neurons = initialise("reduced", count, delta=delta, scale=scale, seed=seed)
    sim = Simulation(Samples.generate(**samples), neurons, Boost(tolerance), threads=1)
    near = diagnostics.knots_near_samples(sim.state)
    distance = diagnostics.kernel_distance(sim.state)
    sim.run(until)
    s, cell = sim.samples.size, sim.state.cells()
    fit = float(np.sqrt(np.mean(sim.residual**2))) / sim.samples.spread
    return near(), distance(), fit, float(np.isin(cell, (s, 4 * s)).mean())


def measure(found: Regimes) -> dict[str, float]:
    """Small scale at the least and the largest delta and at -1, and large scale at -1."""
    near, distance = found.knots_near_samples, found.kernel_distance
    low, high = int(found.delta.argmin()), int(found.delta.argmax())
    between = int(np.abs(found.delta + 1.0).argmin())
    small, large = int(found.scale.argmin()), int(found.scale.argmax())
    return {
        "lazy.knots_near_samples": float(near[small, low]),
        "lazy.kernel_distance": float(distance[small, low]),
        "adaptive.knots_near_samples": float(near[small, high]),
        "adaptive.kernel_distance": float(distance[small, high]),
        "between.kernel_distance": float(distance[small, between]),
        "large_scale.kernel_distance": float(distance[large, between]),
        "lazy.fit": float(found.fit[small, low]),
        "adaptive.fit": float(found.fit[small, high]),
        "adaptive.dead_fraction": float(found.dead_fraction[small, high]),
    }
