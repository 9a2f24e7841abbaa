"""The law of fluctuations: the variance of f between starts, over neurons and time."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.limits.work import Base
from particleflow.sweeps.work import Task

from .many_runs import ends_of

_TABLES = ("samples", "neurons", "flow")
SAMPLINGS = {"random": "independent", "quiet": "quiet"}


class Fluctuations(NamedTuple):
    """Variances between starts.

    Attributes
    ----------
    counts : (C,) int64
        Numbers of neurons.
    times : (T,) float64
    between, on_samples : dict of str to (C, T) float64
        The mean over the points, and over the samples, of the variance of f, for each of the values
        of `SAMPLINGS`.
    """

    counts: np.ndarray
    times: Array
    between: dict[str, Array]
    on_samples: dict[str, Array]


def variances_of(tables: dict[str, Any], recipe: Path, output: Path) -> Fluctuations:
    """Run the starts of a recipe on all processors, and keep their variances in a .npz file.

    Parameters
    ----------
    tables : dict
        The tables of the recipe; ``[grid]`` has the numbers of neurons, of seeds and of points, and
        the times.
    recipe : Path
        The file of the recipe, to whose folder names of inputs are relative.
    output : Path

    Raises
    ------
    IntegrationError
        A run failed.
    """
    grid = tables["grid"]
    points = np.linspace(-1.0, 1.0, grid["points"]).tolist()
    base = Base(str(recipe), {name: tables[name] for name in _TABLES}, grid["times"], points, ())
    shape = len(grid["counts"]), len(SAMPLINGS), grid["seeds"]
    tasks = []
    for number, (i, j, seed) in enumerate(np.ndindex(shape)):
        changes = {
            "neurons.count": grid["counts"][i],
            "neurons.sampling": list(SAMPLINGS)[j],
            "neurons.seed": seed,
        }
        tasks.append(Task(number, changes, None))
    f: list[Any] = [None] * len(tasks)
    residual: list[Any] = [None] * len(tasks)
    for result in ends_of(base, tasks, output):
        f[result.number], residual[result.number] = result.values["f"], result.values["residual"]
    found = []
    for values in (f, residual):  # y is the same in all: residuals vary as f does
        whole = np.array(values).reshape(*shape, len(grid["times"]), -1)
        variance = whole.var(axis=2, ddof=1).mean(axis=-1)
        found.append({name: variance[:, j] for j, name in enumerate(SAMPLINGS.values())})
    fluctuations = Fluctuations(np.array(grid["counts"]), np.array(grid["times"]), *found)
    arrays: dict[str, Any] = {"counts": fluctuations.counts, "times": fluctuations.times}
    arrays |= {f"{name}_between": v for name, v in fluctuations.between.items()}
    arrays |= {f"{name}_on_samples": v for name, v in fluctuations.on_samples.items()}
    np.savez(output, **arrays)
    return fluctuations


def measure(found: Fluctuations) -> dict[str, float]:
    """The quantities that decide the claims, by name.

    ``NAME.slope TAU`` is the slope of the variance over m, both logarithmic. The quantities on the
    samples, and the gain, are of the most neurons: some starts of a hundred do not fit.
    """
    measured = {}
    for name, variance in found.between.items():
        slopes = np.polyfit(np.log(found.counts), np.log(variance), 1)[0]
        for time, slope in zip(found.times.tolist(), slopes.tolist(), strict=True):
            measured[f"{name}.slope {time:g}"] = slope
    independent = found.between["independent"]
    slopes = [measured[f"independent.slope {time:g}"] for time in found.times.tolist()]
    on_samples = found.on_samples["independent"]
    return measured | {
        "independent.slope_error": float(np.abs(np.array(slopes) + 1.0).max()),
        "independent.end_over_start": float((independent[:, -1] / independent[:, 0]).max()),
        "samples.end_over_start": float(on_samples[-1, -1] / on_samples[-1, 0]),
        "quiet.gain": float(independent[-1, -1] / found.between["quiet"][-1, -1]),
    }
