"""Making a figure: the runs of its recipe, the measures of its claims, and the picture."""

import tomllib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from particleflow import figures
from particleflow.config import convert
from particleflow.errors import ConfigError, TrajectoryError
from particleflow.files.csv import write_columns
from particleflow.files.disk import check_target
from particleflow.jobs.prepare import prepare
from particleflow.trajectory import Trajectory, open_trajectory

from . import fluctuations, measures, regimes, scalings
from .claims import Verdict, claims_of

USUAL = ("fig5", "fig6", "fig7", "fig8", "regimes")
"""Those that are made in half a minute; of the others fluctuations and scalings take minutes."""
NAMES = (
    *USUAL, "alignment", "min_norm", "shevchenko", "edge", "fluctuations", "scalings"
)  # fmt: skip
DRAWINGS = {
    "fig5": figures.draw_fig5,
    "fig6": figures.draw_fig6,
    "fig7": figures.draw_fig7,
    "fig8": figures.draw_fig8,
    "alignment": figures.draw_alignment,
    "min_norm": figures.draw_min_norm,
    "shevchenko": figures.draw_knots_between,
    "edge": figures.draw_edge,
}
_OF_EACH = {
    "fig8": measures.of_rays,
    "alignment": measures.of_alignment,
    "min_norm": measures.of_least_norm,
    "shevchenko": measures.of_knots,
    "edge": measures.of_edge,
}
"""Quantities of each run that only some figures need."""
_TABLES = ("samples", "neurons", "flow", "output")
_ENDINGS = (".png", ".pdf")
_TABLE_OF = {"regimes": ".h5", "fluctuations": ".npz", "scalings": ".npz"}
"""The ending of the file that a recipe of many runs writes."""

Tables = dict[str, Any]
Trajectories = dict[str, Trajectory]


def recipe(name: str) -> str:
    """The recipe of a figure, TOML text.

    Raises
    ------
    ConfigError
        There is no such figure.
    """
    if name not in NAMES:
        raise ConfigError(f"figure: expected some of {', '.join(NAMES)}, found {name!r}")
    return (resources.files(__package__) / "recipes" / f"{name}.toml").read_text(encoding="utf-8")


def make(
    name: str,
    folder: Path,
    overwrite: bool = False,
    changes: Callable[[Tables], None] | None = None,
) -> list[Verdict]:
    """Make one figure: simulate its runs, measure its claims, and draw it.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    folder : path
        The folder of the figure's files, which is made if it does not exist.
    overwrite : bool
        Whether to replace files that exist.
    changes : callable, optional
        A function that modifies the tables of the recipe in place, for instance for smaller runs.

    Returns
    -------
    list of Verdict
        Whether each claim of the caption holds.

    Raises
    ------
    ConfigError, TrajectoryError, IntegrationError
        The figure is unknown, a file is taken, or a run failed.
    """
    folder, text = Path(folder), recipe(name)
    tables = tomllib.loads(text)
    if changes is not None:
        changes(tables)
        text = tomli_w.dumps(tables)
    check_targets((name,), folder, overwrite)
    runs = _runs(tables)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    for data, columns in tables.get("data", {}).items():
        arrays = [np.array(columns[axis]) for axis in ("x", "y")]
        write_columns(folder / f"{name}-{data}.csv", ("x", "y"), arrays)
    if name in _OF_MANY_RUNS:
        measured, picture = _OF_MANY_RUNS[name](folder, tables, overwrite)
    else:
        measured, picture = _figure_of_runs(name, folder, runs, overwrite)
    verdicts = [claim.judge(measured) for claim in claims_of(tables["claims"])]
    lines = [f"{name}: {tables['caption']}", *map(str, verdicts), ""]
    lines += [f"{key} = {value:.6g}" for key, value in measured.items()]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for ending in _ENDINGS:
        figures.save(picture, folder / f"{name}{ending}")
    return verdicts


def check_targets(names: Sequence[str], folder: Path, overwrite: bool) -> None:
    """Make a folder, and refuse it if a file of these figures cannot be written there.

    Raises
    ------
    ConfigError, TrajectoryError
        A figure is unknown; the folder cannot be made, or a file is taken.
    """
    tables = {name: tomllib.loads(recipe(name)) for name in names}
    if folder.exists() and not folder.is_dir():
        raise TrajectoryError(f"{folder}: is a file, expected a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise TrajectoryError(f"{folder}: cannot be made: {problem.strerror}") from None
    for name in names:
        endings = [*_ENDINGS, ".toml", ".txt"]
        runs = tables[name].get("runs", {})
        # a recipe without runs has one file for all that it runs
        endings += [f"-{run}.h5" for run in runs] or [_TABLE_OF[name]]
        endings += [f"-{run}.npz" for run, own in runs.items() if "rescale" in own]
        endings += [f"-{data}.csv" for data in tables[name].get("data", {})]
        for ending in endings:
            check_target(folder / f"{name}{ending}", overwrite)


def _runs(tables: Tables) -> dict[str, Tables]:
    """The tables of each run, by its name: those of the recipe with the changes of the run."""
    runs = {}
    for run, changes in tables.get("runs", {}).items():
        own = {table: deepcopy(tables[table]) for table in _TABLES if table in tables}
        for table, keys in changes.items():
            # `rescale` is a number beside the tables, which `_simulate` takes out again
            own[table] = keys if table == "rescale" else {**own.get(table, {}), **keys}
        runs[run] = own
    return runs


def _figure_of_runs(
    name: str, folder: Path, runs: dict[str, Tables], overwrite: bool
) -> tuple[dict[str, float], Any]:
    """Simulate the runs of a figure; the quantities measured on them, and the picture."""
    with ExitStack() as stack:
        trajectories = {
            run: stack.enter_context(open_trajectory(_simulate(name, run, folder, own, overwrite)))
            for run, own in runs.items()
        }
        measured = measures.joined({r: measures.of_run(t) for r, t in trajectories.items()})
        measured |= _between_runs(name, trajectories)
        return measured, DRAWINGS[name](trajectories)


def _simulate(name: str, run: str, folder: Path, tables: Tables, overwrite: bool) -> Path:
    """Carry out one run; the path of its trajectory."""
    path = folder / f"{name}-{run}.h5"
    source = folder / f"{name}.toml"  # names of files in a configuration are relative to its folder
    if "rescale" in tables:
        scale = tables.pop("rescale")
        # this draws the neurons that are rescaled: without `run` nothing is simulated or written
        neurons = prepare(convert(source, tables)).simulation.neurons
        file = folder / f"{name}-{run}.npz"
        raw = np.sqrt(neurons.alpha / neurons.size)  # files of neurons hold raw parameters
        np.savez(file, a=raw * scale * neurons.a, b=raw * scale * neurons.b,
                 c=raw / scale * neurons.c)  # fmt: skip
        tables["neurons"] = {"init": "file", "file": file.name, "alpha": neurons.alpha}
    tables["output"] = {**tables["output"], "file": str(path), "checkpoint_every": 0.0}
    simulation, until, stop, _ = prepare(convert(source, tables), overwrite=overwrite)
    simulation.run(until, stop=stop)
    return path


def _between_runs(name: str, runs: Trajectories) -> dict[str, float]:
    """Quantities that only some figures need: differences between runs, and neurons near rays."""
    if name == "fig6":
        one, two = runs.values()
        return {
            f"difference.{when}": measures.difference(one, two, frame)
            for when, frame in (("start", 0), ("end", -1))
        }
    own = _OF_EACH.get(name)
    return {} if own is None else measures.joined({run: own(t) for run, t in runs.items()})


def _map_of_regimes(folder: Path, tables: Tables, overwrite: bool) -> tuple[dict[str, float], Any]:
    """Carry out the sweep of regimes; the quantities measured on it, and the picture."""
    found = regimes.map_of(tables, folder / "regimes.toml", folder / "regimes.h5", overwrite)
    return regimes.measure(found), figures.plot_sweep(found)


def _fluctuations(folder: Path, tables: Tables, overwrite: bool) -> tuple[dict[str, float], Any]:
    """Run many starts; the quantities measured on their variances, and the picture."""
    del overwrite  # `check_targets` has asked
    output = folder / "fluctuations.npz"
    found = fluctuations.variances_of(tables, folder / "fluctuations.toml", output)
    return fluctuations.measure(found), figures.plot_fluctuations(*found)


def _scalings(folder: Path, tables: Tables, overwrite: bool) -> tuple[dict[str, float], Any]:
    """Run all scalings; the exponents measured on them, and the picture."""
    del overwrite  # `check_targets` has asked
    output = folder / "scalings.npz"
    found = scalings.scalings_of(tables, folder / "scalings.toml", output)
    exponents = found.exponents()
    picture = figures.plot_scalings(found.p, found.q, exponents, found.predicted())
    return scalings.measure(found), picture


_OF_MANY_RUNS: dict[str, Callable[[Path, Tables, bool], tuple[dict[str, float], Any]]] = {
    "regimes": _map_of_regimes,
    "fluctuations": _fluctuations,
    "scalings": _scalings,
}
"""What makes the figures that have no trajectories."""
