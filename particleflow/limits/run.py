"""Carrying out a limit: replicates of quiet starts, of twice as many neurons at each level."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from particleflow import config
from particleflow.arguments import PathLike, count, positive
from particleflow.errors import ConfigError, IntegrationError, TrajectoryError
from particleflow.files import disk
from particleflow.jobs.prepare import refuse_collisions, simulate
from particleflow.ranks.serial import affinity
from particleflow.ranks.world import ALONE, Ranks, ranks_of
from particleflow.run.observables import check_names
from particleflow.sweeps.axes import LARGEST
from particleflow.sweeps.table import DONE
from particleflow.sweeps.work import Task
from particleflow.sweeps.workers import results_of
from particleflow.trajectory.times import frame_times

from . import table
from .assess import Limit, assess, open_limit
from .table import Design
from .work import Base, carry_out

TOLERANCE = 1e-3
REPLICATES = 8
FIRST, MOST = 2**10, 2**20
HAVE_LIMITS = (
    "loss", "dead_fraction", "sliding_fraction", "slope_variation", "knots_near_samples",
    "knot_mass_near_samples", "kernel_distance", "activation_distance", "spline_distance",
    "linear_distance", "parameter_distance", "penalty", "path_norm", "sharpness",
)  # fmt: skip
"""Observables that are a number and have a limit as m grows."""
RECORDED = ("loss", "dead_fraction", "sliding_fraction")
_TIMES, _POINTS = 21, 201
_TOLD = 80
"""Letters up to which settings of a file and of a call are quoted."""
_STEPS = 3.0
"""Error of f that steps leave, in units of the integrator's tolerance (docs/choosing.md)."""

Progress = Callable[[Limit], None]
"""Function that is called with what is known after each level."""


def mean_field_limit(  # noqa: PLR0913 (public: its options are keywords)
    path: PathLike,
    output: PathLike,
    tolerance: float = TOLERANCE,
    *,
    observables: Iterable[str] = (),
    replicates: int = REPLICATES,
    first: int = FIRST,
    most: int = MOST,
    overrides: tuple[str, ...] = (),
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    comm: Any = None,
) -> Limit:
    """Run a configuration for more and more neurons, until f is known to a tolerance.

    Each level has some replicates, quiet starts of independent scrambles, and twice as many neurons
    as the level before, until the standard error of f is below the tolerance at all times and
    points. Several processes carry out a replicate each at a time, with one thread; under a
    launcher of MPI the ranks but the first do. Called again for the same file, the function goes on
    where it was interrupted, to a smaller tolerance, or to more neurons; replicates that failed are
    carried out again. Collective.

    Parameters
    ----------
    path : path
        The configuration. Its ``neurons.count``, ``neurons.seed`` and ``[output]`` do not count,
        but for the seed of the first replicate and for ``spacing`` and ``first``, which place the
        times. With ``sampling = "random"`` replicates are independent neurons.
    output : path
        The file of the limit, HDF5 (see ``limits.table``).
    tolerance : float
        Largest standard error, above 0: of f in units of ``Samples.spread``, of an observable as a
        share of its largest mean over time.
    observables : iterable of str
        Those whose errors have to be below the tolerance, too. Beside them loss, dead_fraction and
        sliding_fraction are recorded.
    replicates : int
        Of each level, at least 3.
    first, most : int
        Neurons of the first level, and at most of the last; powers of two are the most even.
    overrides : tuple of str
        Changes of the configuration, each ``section.key=value``.
    workers : int, optional
        The number of processes; by default that of processors which this one may use.
    overwrite : bool
        Whether to begin anew and replace an existing file.
    progress : callable, optional
        Called with the `Limit` as known after each level.
    comm : mpi4py.MPI.Comm, optional
        The ranks that take part; by default all that a launcher of MPI has started.

    Returns
    -------
    Limit
        Its ``is_reached`` says whether the tolerance was reached.

    Raises
    ------
    ConfigError
        A setting cannot be used, the neurons of the configuration are not drawn, the run has no end
        of its own, or an observable has no limit.
    TrajectoryError
        The file is taken by something else, or another process writes it.
    WriteError
        The disk refuses the file; replicates that are in it are kept.
    IntegrationError
        A replicate failed. Those that did not are kept.
    """
    ranks, target = ranks_of(comm), Path(output)
    for name, given_texts in (("observables", observables), ("overrides", overrides)):
        if isinstance(given_texts, str):
            raise ConfigError(f"{name}: expected a list of texts, found {given_texts!r}")

    def plan() -> tuple[Base, Design, int]:
        n = len(affinity()) if workers is None else count("workers", workers, ConfigError)
        given = _Given(tolerance, tuple(observables), replicates, first, most)
        return *_plan(config.read(path, overrides), given, target), n

    base, design, n_workers = ranks.together(plan)
    ranks.require_same(limit=(base, design))
    ranks.together(lambda: _begin(target, design, overwrite) if ranks.is_first else None)
    while True:
        # of rank 0, since others may not see yet what it has written
        left = ranks.first_of(ranks.together(lambda: _left(target) if ranks.is_first else None))
        assert left is not None
        tasks, limit = left
        if not tasks:
            ranks.together(lambda: _write_limit(target) if ranks.is_first else None)
            return limit
        if limit.levels and progress is not None and ranks.is_first:
            progress(limit)
        _carry_out(ranks, target, base, tasks, n_workers)


class _Given:
    """Checked arguments of `mean_field_limit`."""

    def __init__(
        self, tolerance: float, named: tuple[str, ...], replicates: int, first: int, most: int
    ) -> None:
        self.tolerance = positive("tolerance", tolerance, ConfigError)
        self.named = check_names(named)
        for name in self.named:
            if name not in HAVE_LIMITS:
                raise ConfigError(
                    f"observable {name}: is no number that has a limit as neurons grow, expected "
                    f"some of {', '.join(HAVE_LIMITS)}"
                )
        self.replicates = count("replicates", replicates, ConfigError, least=3)
        self.first = count("first", first, ConfigError, least=2)
        self.most = count("most", most, ConfigError, least=2 * self.first)


def _plan(read: config.Tables, given: _Given, target: Path) -> tuple[Base, Design]:
    file, tables, text = read
    source = config.convert(file, tables, text)
    neurons, flow, out = source.config.neurons, source.config.flow, source.config.output
    if neurons.init in ("file", "grid"):
        raise ConfigError(
            f'{file}: neurons.init: "{neurons.init}" draws no neurons, and has no limit'
        )
    if not _is_mean_field(neurons):
        raise ConfigError(
            f"{file}: neurons.alpha: {neurons.alpha} stays as neurons grow, which with this scale "
            'leads to no mean-field limit; expected "m" and a number as scale, or a number and a '
            'scale such as "1/sqrt(m)"'
            if neurons.alpha != "m"
            else f"{file}: neurons.scale: {neurons.scale} shrinks as neurons grow, which with "
            'alpha = "m" leads to no mean-field limit; expected a number'
        )
    if flow.learning_rate is not None:
        raise ConfigError(
            f"{file}: flow.epochs: a limit needs its end in tau, flow.t_end; particleflow run says "
            "where epochs end"
        )
    if flow.weight_decay and neurons.alpha == "m":
        raise ConfigError(
            f'{file}: flow.weight_decay: with alpha = "m" its rate in tau grows with m, and '
            "there is no limit; expected flow.decay, that rate"
        )
    if flow.t_end is None or not np.isfinite(flow.t_end):
        raise ConfigError(f"{file}: flow.t_end: a limit needs an end that all replicates have")
    drawn = tables.get("neurons", {}).get("sampling", "quiet")
    observables = tuple(dict.fromkeys((*RECORDED, *given.named)))
    first = config.convert(file, config.changed(tables, {"neurons.count": given.first}), text)
    refuse_collisions(
        config.convert(file, config.changed(tables, {"output.file": str(target)}), text)
    )
    sim, until, _ = simulate(first, device="cpu", threads=1, comm=ALONE)  # refuses what cannot be
    samples = sim.samples
    spacing = out.spacing or "linear"
    begin = out.first if out.first is not None else config.DEFAULT_FIRST
    times = sim.reachable(frame_times(0.0, until, _TIMES, spacing, min(begin, until / 2.0)))
    points = np.union1d(np.linspace(samples.x[0], samples.x[-1], _POINTS), samples.x)
    noise = 0.0 if flow.tolerance is None else _STEPS * flow.tolerance * samples.spread
    base = Base(str(file), tables, times.tolist(), points.tolist(), observables)
    design = Design(
        config=config.dump(_that_counts(tables)), tolerance=given.tolerance, named=given.named,
        observables=observables, replicates=given.replicates, first=given.first, most=given.most,
        seed=neurons.seed, sampling=drawn, times=times.tolist(), points=points.tolist(),
        spread=float(samples.spread), noise=float(noise),
        x=samples.x.tolist(), y=samples.y.tolist(), weights=samples.weights.tolist(),
    )  # fmt: skip
    if design.seed + design.rows > LARGEST:
        raise ConfigError(
            f"{file}: neurons.seed: expected at most {LARGEST - design.rows}, found {design.seed}"
        )
    return base, design


def _is_mean_field(neurons: config.NeuronsTable) -> bool:
    """Whether hat parameters, raw ones times sqrt(m / alpha), keep their size as m grows."""
    shrinks = isinstance(neurons.scale, str)
    if neurons.alpha == "m":
        return not shrinks
    # r is a product of two parameters: over sqrt(m) it shrinks too slowly
    return shrinks and neurons.init != "reduced"


def _that_counts(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of a configuration without the keys that mean nothing for a limit."""
    kept = {
        "neurons": lambda key: key != "count",
        "output": lambda key: key in ("spacing", "first"),
    }
    tables = {
        name: {key: value for key, value in table.items() if kept.get(name, lambda _: True)(key)}
        for name, table in tables.items()
    }
    return {name: table for name, table in tables.items() if table}


def _begin(target: Path, design: Design, overwrite: bool) -> None:
    """Make the file, or see that the one that is there is of this limit."""
    if not target.exists() or overwrite:
        table.create(target, design, overwrite)
        return
    found = open_limit(target).design
    goals = {"tolerance", "named", *(["most"] if found.most < design.most else [])}
    for name, old, new in zip(design._fields, found, design, strict=True):
        if name not in goals and repr(old) != repr(new):
            both = f" ({old} in the file, now {new})"
            told = both if isinstance(old, (int, float, str)) and len(both) < _TOLD else ""
            raise TrajectoryError(
                f"{target}: holds a limit with other {name}{told}; --overwrite begins anew"
            )
    if found.most < design.most:
        table.let_grow(target, design)
    elif found.tolerance != design.tolerance or found.named != design.named:
        table.set_goal(target, design.tolerance, design.named)


def _left(target: Path) -> tuple[list[Task], Limit]:
    """The replicates of the next level, none if there is no need of one, and what is known.

    Independent neurons come with the first level: processes take a second to begin.
    """
    design, columns, problems = table.read(target)
    limit = assess(target, design, columns, problems)
    done = columns["status"] == DONE
    rows: list[int] = []
    for first in range(0, design.rows, design.replicates):
        if first > 0 and limit.is_reached:
            break
        rows += [r for r in range(first, first + design.replicates) if not done[r]]
        if rows and first > 0:
            break
    return [Task(row, design.changes_of(row), None) for row in rows], limit


def _carry_out(ranks: Ranks, target: Path, base: Base, tasks: list[Task], n_workers: int) -> None:
    """Carry out tasks into the file; collective.

    Raises
    ------
    IntegrationError
        One failed.
    """
    if ranks.size > 1:
        results = ranks.hand_out(tasks, partial(carry_out, base))
    else:
        results = results_of(base, tasks, n_workers)
    problem = None
    if not ranks.is_first:
        for _ in results:  # the other ranks work while they wait for results, and get none
            pass
    else:
        with disk.writing(target) as file:
            try:
                for result in results:
                    table.put(file, result)
                    problem = problem or result.problem
            finally:
                results.close()  # ends the processes, also if this one was interrupted
        if problem is None:
            _write_limit(target)
    problem = ranks.first_of(problem)
    if problem is not None:
        raise IntegrationError(f"{target}: a replicate failed: {problem}")


def _write_limit(target: Path) -> None:
    """Write what all replicates say so far into the file, for other tools."""
    limit = open_limit(target)
    if not limit.levels:
        return
    values = {
        name: value
        for name, (mean, error) in {
            "f": (limit.f, limit.f_error),
            "residual": (limit.residual, limit.residual_error),
            **limit.observables,
        }.items()
        for name, value in ((name, mean), (f"{name}_error", error))
    }
    facts = {
        "neurons": limit.neurons, "is_reached": int(limit.is_reached),
        "is_consistent": -1 if limit.is_consistent is None else int(limit.is_consistent),
        "verdict": limit.verdict, "independent": limit.independent,
    }  # fmt: skip
    with disk.writing(target) as file:
        table.put_limit(file, values, facts)
