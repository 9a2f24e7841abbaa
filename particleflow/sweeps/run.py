"""Carrying out a sweep: its runs on all processors, while its table is kept up to date."""

import math
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from particleflow import config
from particleflow.arguments import PathLike, count
from particleflow.errors import ConfigError, TrajectoryError
from particleflow.files.disk import check_target, refusals
from particleflow.jobs.prepare import refuse_collisions
from particleflow.ranks.serial import affinity
from particleflow.ranks.world import ranks_of
from particleflow.run.observables import DEFAULT, check_names, is_scalar

from .axes import LARGEST, Axis, axis_of
from .table import DONE, FAILED, SEED, Design, Sweep, SweepWriter, create_sweep, open_sweep
from .work import ALWAYS, Base, Result, Task, carry_out
from .workers import results_of

OBSERVABLES = (
    "loss", "dead_fraction", "sliding_fraction", "knots_near_samples", "kernel_distance", "steps",
)  # fmt: skip
"""Observables that every sweep records, beside those that its configuration names."""
MOST_RUNS = 1_000_000
_WRITE_SECONDS = 0.5
_OF_A_RUN = re.compile(r"\d{6,}\.h5(\.partial-.*)?")
"""Names of trajectories of a sweep's runs, and of those that were killed while they were made."""

Progress = Callable[[int, int], None]
"""Function of the number of runs that have ended and of the number of all runs."""


def sweep(  # noqa: PLR0913 (public: its options are keywords)
    path: PathLike,
    over: Mapping[str, Sequence[Any]],
    output: PathLike,
    seeds: int = 1,
    *,
    overrides: tuple[str, ...] = (),
    trajectories: bool = False,
    workers: int | None = None,
    retry: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    comm: Any = None,
) -> Sweep:
    """Run a configuration for all combinations of settings and seeds, into one table.

    Several processes carry out a run each at a time, with one thread. Called again for the same
    sweep, the function carries out the runs that are left. A run that fails is noted in the table.
    Under a launcher of MPI rank 0 hands out the runs, and the other ranks carry them out;
    collective.

    Parameters
    ----------
    path : path
        The configuration.
    over : mapping of str to sequence
        For each axis of the grid its ``section.key`` and the values.
    output : path
        The table, HDF5 (see ``sweeps.table``).
    seeds : int
        The number of seeds: ``neurons.seed`` of the configuration and those after it.
    overrides : tuple of str
        Changes of the configuration, each ``section.key=value``, as of the command line.
    trajectories : bool
        Whether to keep the trajectory of each run, ``OUTPUT.runs/NUMBER.h5``, as ``[output]`` says.
    workers : int, optional
        The number of processes; by default that of processors which this one may use.
    retry : bool
        Whether to carry out again the runs that have failed.
    overwrite : bool
        Whether to begin anew and replace an existing file, also one of the same sweep.
    progress : callable, optional
        Called with the number of runs that have ended and of all runs.
    comm : mpi4py.MPI.Comm, optional
        The ranks that take part; by default all that a launcher of MPI has started.

    Returns
    -------
    Sweep

    Raises
    ------
    ConfigError
        A key does not exist, a value cannot be used, or a combination is impossible.
    TrajectoryError
        The file is taken by something else, or another process writes it.
    WriteError
        The disk refuses the table or a folder; runs that are in the table are kept.
    """
    ranks = ranks_of(comm)
    file, tables, text = ranks.together(lambda: config.read(path, overrides))
    return sweep_tables(
        file, tables, over, output, seeds, text=text, trajectories=trajectories, workers=workers,
        retry=retry, overwrite=overwrite, progress=progress, comm=ranks,
    )  # fmt: skip


def sweep_tables(  # noqa: PLR0913 (the keywords of `sweep`)
    file: Path,
    tables: dict[str, Any],
    over: Mapping[str, Sequence[Any]],
    output: PathLike,
    seeds: int = 1,
    *,
    text: str = "",
    trajectories: bool = False,
    workers: int | None = None,
    retry: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    comm: Any = None,
) -> Sweep:
    """Run a sweep, as `sweep` does, of the tables of a configuration.

    Parameters
    ----------
    file : Path
        The configuration, to whose folder the paths of inputs are relative; it need not exist.
    tables : dict
    over, output, seeds, trajectories, workers, retry, overwrite, progress, comm
        As of `sweep`.
    text : str
        Of the configuration, for the numbers of lines in messages.

    Raises
    ------
    ConfigError, TrajectoryError, WriteError
        As of `sweep`.
    """
    ranks, target = ranks_of(comm), Path(output)

    def plan() -> tuple[Base, Design, int]:
        n = len(affinity()) if workers is None else count("workers", workers, ConfigError)
        axes = [axis_of(key, values) for key, values in over.items()]
        read = config.Tables(file, tables, text)
        return *_plan(read, axes, seeds, target, trajectories), n

    base, design, n_workers = ranks.together(plan)
    ranks.require_same(sweep=(base, design))
    tasks = ranks.first_of(
        ranks.together(lambda: _begin(target, design, retry, overwrite) if ranks.is_first else [])
    )
    if ranks.size > 1:
        results = ranks.hand_out(tasks, partial(carry_out, base))
    else:
        results = results_of(base, tasks, n_workers)
    if ranks.is_first:
        _record(target, results, int(np.prod(design.shape)), len(tasks), progress)
    else:
        for _ in results:  # the other ranks work while they wait for results, and get none
            pass
    found = ranks.together(lambda: open_sweep(target) if ranks.is_first else None)
    whole: Sweep = ranks.first_of(found)  # type: ignore[assignment]
    return whole


def _plan(
    read: config.Tables,
    axes: list[Axis],
    seeds: int,
    target: Path,
    trajectories: bool,
) -> tuple[Base, Design]:
    """The base and the design of a sweep; every combination of settings is checked."""
    file, tables, text = read
    if any(axis.key == SEED for axis in axes):
        raise ConfigError(f"{SEED}: say how many seeds instead (--seeds)")
    points = math.prod(len(axis.values) for axis in axes)
    if points * count("seeds", seeds, ConfigError) > MOST_RUNS:
        raise ConfigError(f"--over: the grid has more than {MOST_RUNS:,} runs")
    first = config.convert(file, config.changed(tables, {a.key: a.values[0] for a in axes}), text)
    begin = first.config.neurons.seed
    if begin + seeds > LARGEST:
        raise ConfigError(f"neurons.seed: expected seeds up to {LARGEST}, found {begin} and after")
    own = first.config.output.observables
    recorded = check_names((*OBSERVABLES, *(own if own != DEFAULT else ())))
    names = tuple(name for name in recorded if is_scalar(name))
    base = Base(str(file), tables, names)
    folder = f"{target.name}.runs" if trajectories else ""
    design = Design(
        axes={axis.key: list(axis.values) for axis in axes},
        seeds=list(range(begin, begin + seeds)),
        names=(*ALWAYS, *names),
        config=config.dump(tables),
        trajectories=folder,
    )
    for task in _tasks(design, target):
        if task.changes[SEED] == begin:  # a combination is checked once, not for each seed
            refuse_collisions(base.source(task.changes | {"output.file": str(target)}))
    return base, design


def _tasks(design: Design, target: Path) -> Iterator[Task]:
    """All runs of a sweep, in the order of the rows of its table."""
    values = [*design.axes.values(), design.seeds]
    for number, at in enumerate(np.ndindex(design.shape)):
        keys = (*design.axes, SEED)
        changes = {key: v[i] for key, v, i in zip(keys, values, at, strict=True)}
        yield Task(number, changes, _trajectory(target, design, number))


def _trajectory(target: Path, design: Design, number: int) -> str | None:
    if not design.trajectories:
        return None
    return str(target.with_name(design.trajectories) / f"{number:06d}.h5")


def _begin(target: Path, design: Design, retry: bool, overwrite: bool) -> list[Task]:
    """The runs that are left, once the table is made or found to be of this sweep."""
    folder = target.with_name(f"{target.name}.runs")
    status = np.zeros(int(np.prod(design.shape)), np.int8)
    if target.exists() and not overwrite:
        found = open_sweep(target)
        _require_same(found, design)
        status = found.status
    else:
        check_target(target, overwrite)
        if design.trajectories:
            _check_folder(folder, overwrite)
        create_sweep(target, design, overwrite)
        if overwrite:  # else what lies there is of a table that was moved; last, so that a table
            _remove_runs(folder)  # that cannot be made takes nothing with it
    if design.trajectories:
        with refusals(folder, "made"):
            folder.mkdir(exist_ok=True)
    ended = (DONE,) if retry else (DONE, FAILED)
    return [
        task
        for task in _tasks(design, target)
        if status[task.number] not in ended or _is_lost(task, status[task.number])
    ]


def _is_lost(task: Task, status: int) -> bool:
    """Whether a run is done, but the trajectory that it should have is not there."""
    return bool(status == DONE and task.trajectory and not Path(task.trajectory).exists())


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that the trajectories of a new sweep cannot have for themselves.

    Raises
    ------
    TrajectoryError
        It is a file, or holds something that may not be replaced or is of no sweep.
    """
    if folder.exists() and not folder.is_dir():
        raise TrajectoryError(f"{folder}: is a file, expected a folder")
    for file in folder.iterdir() if folder.exists() else ():
        if not overwrite or not _OF_A_RUN.fullmatch(file.name):
            raise TrajectoryError(f"{folder}: expected an empty folder, found {file.name} in it")


def _remove_runs(folder: Path) -> None:
    """Remove the trajectories of a sweep whose table has been replaced."""
    if not folder.is_dir():
        return
    with refusals(folder, "emptied"):
        for file in folder.iterdir():
            if _OF_A_RUN.fullmatch(file.name):
                file.unlink()
        with suppress(OSError):  # something else is in it
            folder.rmdir()


def _require_same(found: Sweep, design: Design) -> None:
    for name, old, new in zip(design._fields, found.design, design, strict=True):
        # as text, since dicts are equal in any order, but axes in another order are other rows
        if repr(old) != repr(new):
            raise TrajectoryError(
                f"{found.path}: holds a sweep with other {name}: {_short(old)}, expected "
                f"{_short(new)}; --overwrite begins anew"
            )


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else f"{text[:120]}..."


def _record(
    target: Path,
    results: Generator[Result, None, None],
    total: int,
    left: int,
    progress: Progress | None,
) -> None:
    """Write results into the table as they come, all those of half a second at once."""
    waiting: list[Result] = []
    ended, written_at = total - left, time.monotonic()
    with SweepWriter(target) as table:
        try:
            for result in results:
                waiting.append(result)
                ended += 1
                if time.monotonic() - written_at > _WRITE_SECONDS:
                    table.put(waiting)
                    waiting, written_at = [], time.monotonic()
                if progress is not None:
                    progress(ended, total)
        finally:
            results.close()  # ends the processes, also if this one was interrupted
            table.put(waiting)
