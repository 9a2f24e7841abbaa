"""The table of a sweep: a row for each run, with its settings and its results.

Layout, version 1::

    /                       attributes particleflow_sweep (the version), creator
    /parameters             attributes axes (JSON: keys and values, in the order of the rows),
                            seeds, trajectories (a folder beside the file, or empty)
    /parameters/config      the configuration, TOML
    /runs                   attribute names (JSON: the columns NAME)
    /runs/run               (n,) 0, 1, ...: the dimension scale of all others
    /runs/status            (n,) int8: 0 to do, 1 done, 2 failed
    /runs/problem           (n,) text: why the run failed, or empty
    /runs/seconds           (n,) time that the run took
    /runs/KEY               (n,) the setting of each axis; neurons.seed
    /runs/NAME              (n,) a number at the end of the run, NaN if there is none

From row to row the seed changes fastest, then the value of the last axis. Everything has its final
shape when the file is made. The status of a run is written last: once it says done, readers trust
the rest of the row.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np

from particleflow._version import __version__
from particleflow.arguments import Array, PathLike, existing_file
from particleflow.cards import Marks, card, picture
from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.kinds import SWEEP, require
from particleflow.files.opening import open_to_read

SWEEP_VERSION = 1
TO_DO, DONE, FAILED = 0, 1, 2
SEED = "neurons.seed"
PROBLEM = 400
"""Bytes of the text that says why a run failed."""


class Design(NamedTuple):
    """The design of a sweep: its axes, seeds and columns.

    Attributes
    ----------
    axes : dict of str to list
        The values of each axis by its key, in the order of the axes.
    seeds : list of int
    names : tuple of str
        Columns of numbers that each run gives.
    config : str
        The configuration, TOML.
    trajectories : str
        Name of the folder of trajectories beside the file; empty if none are kept.
    """

    axes: dict[str, list[Any]]
    seeds: list[int]
    names: tuple[str, ...]
    config: str
    trajectories: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the grid: the number of values of each axis, then that of seeds."""
        return (*(len(values) for values in self.axes.values()), len(self.seeds))

    def settings(self) -> dict[str, np.ndarray]:
        """For each axis and for the seed a column with the value of every run, by key."""
        values = [*self.axes.values(), self.seeds]
        names = [*self.axes, SEED]
        grid = np.indices(self.shape).reshape(len(values), -1)
        return {name: _column(v)[i] for name, v, i in zip(names, values, grid, strict=True)}


def _column(values: Sequence[Any]) -> np.ndarray:
    kinds = {type(value) for value in values}
    if kinds in ({bool}, {int}) or kinds <= {int, float}:
        return np.array(values)
    return np.array([str(value).encode() for value in values])


def create_sweep(path: Path, design: Design, overwrite: bool) -> None:
    """Make the file of a sweep, with all settings and no results.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses the file.
    """
    disk.create(path, overwrite, lambda file: _fill(file, design))


def _fill(file: h5py.File, design: Design) -> None:
    file.attrs[SWEEP] = SWEEP_VERSION
    file.attrs["creator"] = hdf5.text(f"particleflow {__version__}")
    parameters = file.create_group("parameters")
    parameters.attrs["axes"] = json.dumps(design.axes)
    parameters.attrs["seeds"] = design.seeds
    parameters.attrs["trajectories"] = design.trajectories
    hdf5.store(parameters, "config", np.array(design.config.encode() or b"\0"))
    runs = file.create_group("runs")
    n = int(np.prod(design.shape))
    run = hdf5.make_scale(hdf5.store(runs, "run", np.arange(n)), "run")
    columns = {
        "status": np.zeros(n, np.int8),
        "problem": np.zeros(n, f"S{PROBLEM}"),
        "seconds": np.full(n, np.nan),
        **design.settings(),
        **{name: np.full(n, np.nan) for name in design.names},
    }
    for name, values in columns.items():
        hdf5.attach(hdf5.store(runs, name, values), run)
    runs.attrs["names"] = json.dumps(design.names)


class SweepWriter:
    """A writer of the rows of a sweep, to be used as a context manager.

    The file is locked meanwhile.

    Raises
    ------
    TrajectoryError
        Another process writes the file, or the file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with ExitStack() as stack:
            self._file = stack.enter_context(disk.writing(path))
            self._runs = self._file["runs"]
            self._closing = stack.pop_all()

    def put(self, rows: Iterable[tuple[int, Mapping[str, float], str | None, float]]) -> None:
        """Write the rows of runs that have ended.

        A row is the number of the run, its values by name, why it failed or None, and its seconds.

        Raises
        ------
        WriteError
            The disk refuses the rows.
        """
        with disk.refusals(self._path, "written"):
            ended = []
            for number, values, problem, seconds in rows:
                for name, value in values.items():
                    self._runs[name][number] = value
                self._runs["problem"][number] = cut(problem or "")
                self._runs["seconds"][number] = seconds
                ended.append((number, DONE if problem is None else FAILED))
            self._file.flush()  # what a status vouches for is in the file before the status
            for number, status in ended:
                self._runs["status"][number] = status
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.close()


def cut(text: str) -> bytes:
    """As much of a text as the column has room for, in UTF-8, with no letter cut in half."""
    return text.encode(errors="replace")[:PROBLEM].decode(errors="ignore").encode()


class Sweep(NamedTuple):
    """The contents of the file of a sweep, as `open_sweep` reads them.

    Attributes
    ----------
    path : Path
    design : Design
    status : (n,) int8
        `TO_DO`, `DONE` or `FAILED` for each run.
    columns : dict of str to (n,) array
        Settings, seconds and results by name. Seconds count where the run has ended, results where
        it is done; elsewhere they are NaN, or those of an earlier try.
    problems : list of str
        The reasons why runs failed, each once.
    """

    path: Path
    design: Design
    status: np.ndarray
    columns: dict[str, np.ndarray]
    problems: list[str]

    def grid(self, name: str) -> Array:
        """A column over the axes and the seeds, ``design.shape``; NaN where a run is not done.

        Raises
        ------
        TrajectoryError
            The sweep has no column of results of this name.
        """
        if name not in (*self.design.names, "seconds"):
            raise TrajectoryError(
                f"{self.path}: has no {name!r}, only {', '.join(self.design.names)}, seconds"
            )
        values = np.where(self.status == DONE, self.columns[name], np.nan)
        return values.reshape(self.design.shape)

    def __repr__(self) -> str:
        axes = " x ".join(f"{len(values)} {key}" for key, values in self.design.axes.items())
        return (
            f"Sweep({str(self.path)!r}, {axes} x {len(self.design.seeds)} seeds, "
            f"{self.count(DONE):,} of {self.status.size:,} runs done)"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the axes, how many runs are done, and how well each fits."""
        axes = {key: f"{len(v)} values, {v[0]} to {v[-1]}" for key, v in self.design.axes.items()}
        done, failed = self.count(DONE), self.count(FAILED)
        number = np.arange(self.status.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            fit = np.log10(self.grid("fit").ravel())
        facts = {
            **axes,
            "seeds": f"{len(self.design.seeds)}",
            "runs": f"{self.status.size:,}, of which {done:,} are done and {failed:,} failed",
            "columns": ", ".join(self.design.names),
        }
        shown = picture("logarithm of the residuals over the spread, by run", Marks(number, fit))
        return card(f"Sweep {self.path.name}", facts, shown)

    def count(self, status: int) -> int:
        """The number of runs that have this status."""
        return int(np.count_nonzero(self.status == status))


def open_sweep(path: PathLike) -> Sweep:
    """Read the table of a sweep, finished or not.

    Raises
    ------
    TrajectoryError
        The file is missing, is no sweep, is of a newer version, or is damaged.
    """
    file_path = existing_file(path, TrajectoryError)
    with hdf5.naming(file_path, "sweep"), open_to_read(file_path) as file:
        require(file, file_path, SWEEP, "sweep", SWEEP_VERSION)
        parameters, runs = file["parameters"], file["runs"]
        design = Design(
            axes=json.loads(parameters.attrs["axes"]),
            seeds=[int(seed) for seed in parameters.attrs["seeds"]],
            names=tuple(json.loads(runs.attrs["names"])),
            config=hdf5.string(hdf5.read_all(parameters, "config")[()]).strip("\0"),
            trajectories=hdf5.string(parameters.attrs["trajectories"]),
        )
        names = (*design.settings(), "seconds", *design.names)
        columns = {name: hdf5.read_all(runs, name) for name in names}
        status = hdf5.read_all(runs, "status")
        if any(values.shape != (int(np.prod(design.shape)),) for values in columns.values()):
            raise TrajectoryError(f"{file_path}: is damaged: rows and grid differ")
        texts = hdf5.read_all(runs, "problem")[status == FAILED]
        problems = list(dict.fromkeys(text.decode(errors="replace") for text in texts.tolist()))
        return Sweep(file_path, design, status, columns, problems)
