"""The file of a limit: a row for each replicate, and what follows from all of them.

Layout, version 1::

    /                       attributes particleflow_limit (the version), creator
    /parameters             attributes tolerance, replicates, first, most, seed, sampling, spread,
                            noise, named and observables (JSON)
    /parameters/config      the configuration, TOML
    /parameters/samples/x, y, weights  (s,)
    /time                   (T,) when f is recorded, tau
    /x                      (P,) where f is recorded, in the user's x
    /sample, /cell, /event  dimension scales: numbers, and the names of the events
    /runs/run               (n,) 0, 1, ...: the dimension scale of the rows
    /runs/m, seed           (n,) number of neurons and neurons.seed
    /runs/independent       (n,) int8: 1 where neurons are drawn independently
    /runs/status            (n,) int8: 0 to do, 1 done, 2 failed
    /runs/problem           (n,) text: why the replicate failed, or empty
    /runs/seconds           (n,)
    /runs/f                 (n, T, P)
    /runs/residual          (n, T, s)
    /runs/NAME              (n, T) of each observable
    /runs/cell_share        (n, 4 s + 1) share of the neurons in each cell at the end
    /runs/events            (n, 3) releases, repulsors and origins over m
    /limit                  attributes neurons, is_reached, is_consistent, verdict, independent
    /limit/f, f_error       (T, P) mean over the replicates of the last level, its standard error
    /limit/residual, residual_error, NAME, NAME_error  likewise, (T, s) and (T,)

The first rows are of independent neurons, at the least number; each level of twice as many quiet
neurons follows. Everything has its final shape when the file is made, NaN where nothing has been
found. The status of a row is written last: once it says done, readers trust the rest of the row.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from particleflow._version import __version__
from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.kinds import LIMIT, require
from particleflow.files.opening import open_to_read
from particleflow.sweeps.table import DONE, FAILED, PROBLEM, TO_DO, cut
from particleflow.sweeps.work import Result

from .work import EVENTS

LIMIT_VERSION = 1
_AT_THE_END = {"cell_share": ("cell",), "events": ("event",)}
_AXES = {"f": ("time", "x"), "residual": ("time", "sample"), **_AT_THE_END}
"""The scales of what a replicate finds, by name; the others are observables over time."""
_VERDICT = 1000
"""Bytes of the text that says whether there is a limit."""


class Design(NamedTuple):
    """What a limit is computed from.

    Attributes
    ----------
    config : str
        The configuration, TOML.
    tolerance : float
        Largest standard error, in spreads of y for f.
    named : tuple of str
        Observables whose error has to be below the tolerance, too.
    observables : tuple of str
        Those that are recorded.
    replicates : int
    first, most : int
        Numbers of neurons of the first level and, at most, of the last.
    seed : int
        neurons.seed of the first replicate.
    sampling : str
        Of all levels; the first rows are independent in any case.
    times, points : list of float
    spread, noise : float
        Spread of y; and differences of f that the integrator's tolerance explains.
    x, y, weights : list of float
        The samples.
    """

    config: str
    tolerance: float
    named: tuple[str, ...]
    observables: tuple[str, ...]
    replicates: int
    first: int
    most: int
    seed: int
    sampling: str
    times: list[float]
    points: list[float]
    spread: float
    noise: float
    x: list[float]
    y: list[float]
    weights: list[float]

    @property
    def levels(self) -> int:
        """The largest number of levels."""
        return int(np.log2(self.most // self.first)) + 1

    @property
    def rows(self) -> int:
        """The number of rows: of independent neurons, and of all levels."""
        return (self.levels + 1) * self.replicates

    def neurons_of(self, row: int) -> int:
        """The number of neurons of a row."""
        return int(self.first * 2 ** max(0, row // self.replicates - 1))

    def changes_of(self, row: int) -> dict[str, Any]:
        """The keys of the configuration that a row changes."""
        is_independent = row < self.replicates
        return {
            "neurons.count": self.neurons_of(row),
            "neurons.seed": self.seed + row,
            "neurons.sampling": "random" if is_independent else self.sampling,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of what a replicate finds, by name."""
        times, s = len(self.times), len(self.x)
        return {
            "f": (times, len(self.points)),
            "residual": (times, s),
            **dict.fromkeys(self.observables, (times,)),
            "cell_share": (4 * s + 1,),
            "events": (len(EVENTS),),
        }


def create(path: Path, design: Design, overwrite: bool, results: Iterable[Result] = ()) -> None:
    """Make the file of a limit, with these results.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses the file.
    """

    def put_all(file: h5py.File) -> None:
        hdf5.mark_unrecorded(file)
        for result in results:
            put(file, result)

    disk.create(path, overwrite, lambda file: _fill(file, design), then=put_all)


def _fill(file: h5py.File, design: Design) -> None:
    file.attrs[LIMIT] = LIMIT_VERSION
    file.attrs["creator"] = hdf5.text(f"particleflow {__version__}")
    parameters = file.create_group("parameters")
    for name in ("tolerance", "replicates", "first", "most", "seed", "spread", "noise"):
        parameters.attrs[name] = getattr(design, name)
    parameters.attrs["sampling"] = hdf5.text(design.sampling)
    for name in ("named", "observables"):
        parameters.attrs[name] = json.dumps(getattr(design, name))
    hdf5.store(parameters, "config", np.array(design.config.encode() or b"\0"))
    samples = parameters.create_group("samples")
    for name in ("x", "y", "weights"):
        hdf5.store(samples, name, np.array(getattr(design, name)))
    hdf5.make_scale(hdf5.store(file, "time", np.array(design.times)), "time")
    hdf5.make_scale(hdf5.store(file, "x", np.array(design.points)), "x")
    numbers = {"sample": len(design.x), "cell": 4 * len(design.x) + 1}
    for name, size in numbers.items():
        hdf5.make_scale(hdf5.store(file, name, np.arange(size)), name)
    hdf5.make_scale(hdf5.store(file, "event", np.array([e.encode() for e in EVENTS])), "event")
    runs, n = file.create_group("runs"), design.rows
    run = hdf5.make_scale(hdf5.store(runs, "run", np.arange(n)), "run")
    changes = [design.changes_of(row) for row in range(n)]
    columns = {
        "m": np.array([one["neurons.count"] for one in changes]),
        "seed": np.array([one["neurons.seed"] for one in changes]),
        "independent": (np.arange(n) < design.replicates).astype(np.int8),
        "status": np.full(n, TO_DO, np.int8),
        "problem": np.zeros(n, f"S{PROBLEM}"),
        "seconds": np.full(n, np.nan),
    }
    for name, values in columns.items():
        hdf5.attach(hdf5.store(runs, name, values), run)
    limit = file.create_group("limit")
    limit.attrs["verdict"] = np.bytes_(b"".ljust(_VERDICT))
    for name in ("neurons", "is_reached", "is_consistent"):
        limit.attrs[name] = -1
    limit.attrs["independent"] = np.nan
    for name, shape in design.shapes().items():
        scales = [file[scale] for scale in _AXES.get(name, ("time",))]
        whole = hdf5.reserve(runs, name, (n, *shape), np.float64, is_filled=True)
        hdf5.attach(whole, run, *scales)
        for derived in (name, f"{name}_error") if name not in _AT_THE_END else ():
            dataset = hdf5.reserve(limit, derived, shape, np.float64, is_filled=True)
            hdf5.attach(dataset, *scales)


def put(file: h5py.File, result: Result) -> None:
    """Write the row of a replicate that has ended."""
    runs, row = file["runs"], result.number
    for name, value in result.values.items():
        runs[name][row] = np.array(value)
    runs["problem"][row] = cut(result.problem or "")
    runs["seconds"][row] = result.seconds
    file.flush()  # what a status vouches for is in the file before the status
    runs["status"][row] = DONE if result.problem is None else FAILED
    file.flush()


def put_limit(file: h5py.File, values: dict[str, Array], facts: dict[str, Any]) -> None:
    """Write what follows from all rows so far: arrays by name, and attributes."""
    limit = file["limit"]
    for name, value in values.items():
        limit[name][...] = value
    for name, fact in facts.items():
        text = isinstance(fact, str)
        limit.attrs[name] = np.bytes_(fact.encode()[:_VERDICT].ljust(_VERDICT)) if text else fact
    file.flush()


def let_grow(path: Path, design: Design) -> None:
    """Replace the file of a limit by one with room for more levels, and the same results."""
    old, columns, _ = read(path)
    results = [
        Result(row, {name: columns[name][row] for name in old.shapes()}, None, seconds)
        for row, seconds in enumerate(columns["seconds"].tolist())
        if columns["status"][row] == DONE
    ]
    create(path, design, overwrite=True, results=results)


def set_goal(path: Path, tolerance: float, named: tuple[str, ...]) -> None:
    """Let the file of a limit have another tolerance, and others named that have to reach it."""
    with disk.writing(path) as file:
        file["parameters"].attrs["tolerance"] = tolerance
        file["parameters"].attrs["named"] = json.dumps(named)


def read(path: Path) -> tuple[Design, dict[str, np.ndarray], list[str]]:
    """The design, all columns of the rows by name, and the reasons why replicates failed.

    Raises
    ------
    TrajectoryError
        The file is no limit, is of a newer version, or is damaged.
    """
    with hdf5.naming(path, "limit"), open_to_read(path) as file:
        require(file, path, LIMIT, "limit", LIMIT_VERSION)
        parameters, runs = file["parameters"], file["runs"]
        attributes = parameters.attrs
        design = Design(
            config=hdf5.string(hdf5.read_all(parameters, "config")[()]).strip("\0"),
            named=tuple(json.loads(attributes["named"])),
            observables=tuple(json.loads(attributes["observables"])),
            sampling=hdf5.string(attributes["sampling"]),
            times=hdf5.read_all(file, "time").tolist(),
            points=hdf5.read_all(file, "x").tolist(),
            x=hdf5.read_all(parameters["samples"], "x").tolist(),
            y=hdf5.read_all(parameters["samples"], "y").tolist(),
            weights=hdf5.read_all(parameters["samples"], "weights").tolist(),
            tolerance=float(attributes["tolerance"]),
            replicates=int(attributes["replicates"]),
            first=int(attributes["first"]),
            most=int(attributes["most"]),
            seed=int(attributes["seed"]),
            spread=float(attributes["spread"]),
            noise=float(attributes["noise"]),
        )
        names = ("m", "seed", "status", "seconds", *design.shapes())
        columns = {name: hdf5.read_all(runs, name) for name in names}
        texts = hdf5.read_all(runs, "problem")[columns["status"] == FAILED]
        for name, shape in design.shapes().items():
            if columns[name].shape != (design.rows, *shape):
                raise TrajectoryError(f"{path}: is damaged: {name} has another shape")
        return design, columns, [text.decode(errors="replace") for text in texts.tolist()]
