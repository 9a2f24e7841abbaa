"""The table of a sweep: a row for each run, with its settings and what came of it.

Layout, version 1::

    /                       attributes particleflow_sweep (the version), creator
    /parameters             attributes axes (JSON: keys and values, in the order of the rows),
                            seeds, trajectories (a folder beside the file, or empty)
    /parameters/config      the configuration, TOML
    /runs/run               (n,) 0, 1, ...: the scale of all others
    /runs/status            (n,) int8: 0 to do, 1 done, 2 failed
    /runs/problem           (n,) text: why it failed
    /runs/seconds           (n,) time that it took
    /runs/KEY               (n,) the setting of each axis; neurons.seed
    /runs/NAME              (n,) an observable at the end, NaN if there is none

Rows run through the values of the last axis first, the seeds before all others. Everything has its
final shape when the file is made. A run is written before its status is: readers trust that.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np

from particleflow._version import __version__
from particleflow.arguments import Array, PathLike, existing_file
from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.kinds import SWEEP
from particleflow.files.opening import open_to_read

SWEEP_VERSION = 1
TO_DO, DONE, FAILED = 0, 1, 2
SEED = "neurons.seed"
_PROBLEM = 400
"""Bytes of a message."""


class Design(NamedTuple):
    """The design of a sweep: its axes, seeds and columns.

    Attributes
    ----------
    axes : dict of str to list
        Values of each key.
    seeds : list of int
    names : tuple of str
        Numbers that each run gives.
    config : str
        The configuration, TOML.
    trajectories : str
        Folder beside the file; empty for none.
    """

    axes: dict[str, list[Any]]
    seeds: list[int]
    names: tuple[str, ...]
    config: str
    trajectories: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid: values of each axis, then seeds."""
        return (*(len(values) for values in self.axes.values()), len(self.seeds))

    def settings(self) -> dict[str, np.ndarray]:
        """The value of each axis, and the seed, in each run."""
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
    """Make the file.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses it.
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
        "problem": np.zeros(n, f"S{_PROBLEM}"),
        "seconds": np.full(n, np.nan),
        **design.settings(),
        **{name: np.full(n, np.nan) for name in design.names},
    }
    for name, values in columns.items():
        hdf5.attach(hdf5.store(runs, name, values), run)
    runs.attrs["names"] = json.dumps(design.names)


class SweepWriter:
    """Writes the rows of a sweep; use it as a context manager. The file is locked meanwhile.

    Raises
    ------
    TrajectoryError
        Another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file, self._lock = disk.open_existing(path)
        try:
            self._runs = self._file["runs"]
        except BaseException:
            self._file.close()
            self._lock.release()
            raise

    def put(self, rows: Iterable[tuple[int, Mapping[str, float], str | None, float]]) -> None:
        """Write runs: number, values by name, why it failed, seconds.

        Raises
        ------
        WriteError
            The disk refuses it.
        """
        with disk.refusals(self._path, "written"):
            ended = []
            for number, values, problem, seconds in rows:
                for name, value in values.items():
                    self._runs[name][number] = value
                self._runs["problem"][number] = _cut(problem or "")
                self._runs["seconds"][number] = seconds
                ended.append((number, DONE if problem is None else FAILED))
            self._file.flush()
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
        try:
            with disk.refusals(self._path, "closed"):
                self._file.close()
        finally:
            self._lock.release()


def _cut(text: str) -> bytes:
    """As much of a text as there is room for, no letter in half."""
    return text.encode(errors="replace")[:_PROBLEM].decode(errors="ignore").encode()


class Sweep(NamedTuple):
    """The contents of a sweep's file.

    Attributes
    ----------
    path : Path
    design : Design
    status : (n,) int8
    columns : dict of str to (n,) array
        Settings, seconds and observables by name; NaN where a run is not done.
    problems : list of str
        Why runs failed, each reason once.
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
            There is no such number.
        """
        if name not in (*self.design.names, "seconds"):
            raise TrajectoryError(
                f"{self.path}: has no {name!r}, only {', '.join(self.design.names)}, seconds"
            )
        values = np.where(self.status == DONE, self.columns[name], np.nan)
        return values.reshape(self.design.shape)

    def count(self, status: int) -> int:
        """How many runs have this status."""
        return int(np.count_nonzero(self.status == status))


def open_sweep(path: PathLike) -> Sweep:
    """Read the table of a sweep, finished or not.

    Raises
    ------
    TrajectoryError
        The file is missing, no sweep, of a newer version, or damaged.
    """
    file_path = existing_file(path, TrajectoryError)
    with hdf5.naming(file_path, "sweep"), open_to_read(file_path) as file:
        if SWEEP not in file.attrs:
            raise TrajectoryError(f"{file_path}: is an HDF5 file but no sweep")
        version = int(file.attrs[SWEEP])
        if version > SWEEP_VERSION:
            raise TrajectoryError(
                f"{file_path}: has version {version}, this one reads up to {SWEEP_VERSION}; "
                f"{hdf5.string(file.attrs['creator'])} or newer reads it"
            )
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
