"""The map of regimes over the initial scale and delta: a sweep of many small runs."""

from pathlib import Path
from typing import Any

import numpy as np

from particleflow.sweeps.run import sweep_tables
from particleflow.sweeps.table import Sweep

_SCALE, _DELTA = "neurons.scale", "neurons.delta"
_TABLES = ("samples", "neurons", "flow")


def map_of(tables: dict[str, Any], recipe: Path, output: Path, overwrite: bool = False) -> Sweep:
    """Run a recipe's grid on all processors.

    Parameters
    ----------
    tables : dict
        Those of the recipe; ``[grid]`` has the values of scale and delta, and the seeds.
    recipe : Path
        Where it stands.
    output : Path
        The table to write.
    overwrite : bool
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
    """Small scale at the least and the largest delta and at -1, and large scale at -1.

    Means over the seeds.
    """
    scale, delta = (np.array(found.design.axes[key]) for key in (_SCALE, _DELTA))
    names = ("knots_near_samples", "kernel_distance", "fit", "dead_fraction")
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
