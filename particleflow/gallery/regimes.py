"""The map of regimes over the initial scale and delta: a sweep of many small runs."""

from pathlib import Path
from typing import Any

import numpy as np

from particleflow.sweeps.run import sweep_tables
from particleflow.sweeps.table import Sweep

_SCALE, _DELTA = "neurons.scale", "neurons.delta"
_TABLES = ("samples", "neurons", "flow")


def map_of(tables: dict[str, Any], recipe: Path, output: Path, overwrite: bool = False) -> Sweep:
    """Carry out the sweep of a recipe on all processors.

    Parameters
    ----------
    tables : dict
        The tables of the recipe; ``[grid]`` has the values of scale and delta, and the number of
        seeds.
    recipe : Path
        The file of the recipe, to whose folder names of inputs are relative.
    output : Path
        The table of the sweep, which is written.
    overwrite : bool
        Whether an existing table of another sweep is replaced.
    """
    grid = tables["grid"]
    return sweep_tables(
        recipe,
        {name: tables[name] for name in _TABLES},
        {_SCALE: grid["scale"], _DELTA: grid["delta"]},
        output,
        grid["seeds"],
        overwrite=overwrite,
    )


def measure(found: Sweep) -> dict[str, float]:
    """The quantities that decide the claims of the map, by name: means over the seeds.

    ``lazy``, ``adaptive`` and ``between`` are the runs of the smallest scale with the least delta,
    the largest delta and the delta nearest to -1, and ``large_scale`` those of the largest scale
    with the latter.
    """
    scale, delta = (np.array(found.design.axes[key]) for key in (_SCALE, _DELTA))
    names = ("knots_near_samples", "kernel_distance", "fit", "dead_fraction")
    # NaN if a run of these settings has failed, and a claim about NaN fails
    near, distance, fit, dead = (found.grid(name).mean(axis=-1) for name in names)
    low, high = int(delta.argmin()), int(delta.argmax())
    between = int(np.abs(delta + 1.0).argmin())
    small, large = int(scale.argmin()), int(scale.argmax())
    return {
        "lazy.knots_near_samples": float(near[small, low]),
        "lazy.kernel_distance": float(distance[small, low]),
        "adaptive.knots_near_samples": float(near[small, high]),
        "adaptive.kernel_distance": float(distance[small, high]),
        "between.kernel_distance": float(distance[small, between]),
        "large_scale.kernel_distance": float(distance[large, between]),
        "lazy.fit": float(fit[small, low]),
        "adaptive.fit": float(fit[small, high]),
        "adaptive.dead_fraction": float(dead[small, high]),
    }
