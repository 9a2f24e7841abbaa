"""Going on with a run from its file and its last checkpoint."""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import config
from ._cast import PathLike, existing_file, finite
from .backend import DEVICES, original_order, share_of, threads_in_use
from .errors import ConfigError, NeuronsError, TrajectoryError
from .integrators import Boost, GradientDescent, Integrator, RungeKutta
from .neurons import Neurons
from .parallel import Ranks, ranks_of
from .preparation import prepare
from .samples import Samples
from .simulation import Simulation
from .trajectory import (
    BEGAN,
    Recorded,
    TrajectoryWriter,
    checkpoint,
    open_trajectory,
    require_writable,
)

_INTEGRATORS: dict[str, Callable[..., Integrator]] = {
    "boost": Boost,
    "gd": GradientDescent,
    "rk": RungeKutta,
}


class Resumed(NamedTuple):
    """A run, ready to go on: ``simulation.run(until, stop=stop)``.

    Attributes
    ----------
    simulation : Simulation
        With its writer, at the time of the checkpoint.
    until, stop : float
    writer : TrajectoryWriter
    notes : list of str
        What a user should know: checkpoints that were passed over.
    """

    simulation: Simulation
    until: float
    stop: float
    writer: TrajectoryWriter
    notes: list[str]


def resume(
    path: PathLike,
    until: float | None = None,
    observables: Mapping[str, Callable[[Simulation], Any]] | None = None,
    device: str | None = None,
    threads: int | None = None,
    checkpoint_every: float | None = config.DEFAULT_CHECKPOINT_EVERY,
    comm: Any = None,
) -> Resumed:
    """Go on with the run of a trajectory file from its last checkpoint.

    The rest of the run is that of the uninterrupted one to the bit, for any number of threads, and
    of ranks for which the run has the same bits; on another device within rounding. Without a
    checkpoint it begins again from its configuration. The times of other writers, on which steps of
    `RungeKutta` ended too, are not known any more.

    Parameters
    ----------
    path : path
        The trajectory file; its checkpoint lies beside it.
    until : float, optional
        Another end of the run.
    observables : mapping of str to callable, optional
        What the run recorded of the user's: functions of the simulation.
    device : {"auto", "cpu", "cuda"}, optional
        That of the run by default.
    threads : int, optional
    checkpoint_every : float, optional
        As of `TrajectoryWriter`.
    comm : mpi4py.MPI.Comm, optional
        As of `Simulation`: any number of ranks, whatever the run had; collective.

    Returns
    -------
    Resumed

    Raises
    ------
    TrajectoryError
        The file cannot be gone on with, another process writes it, the run has ended by itself, or
        ``until`` is not later than the checkpoint.
    """
    ranks = ranks_of(comm)
    file, recorded = ranks.together(lambda: _recorded(path))
    network = _Network.of(file, ranks)
    arrays, notes = checkpoint.load(file, recorded.run, ranks, network.share_of(ranks))
    if arrays is None:
        return _begin_again(file, recorded, until, device, threads, notes, ranks)
    simulation = _simulation(file, recorded, network, arrays, device, threads, ranks)
    for name, function in (observables or {}).items():
        simulation.observables.add(name, function, recorded.every.get(name, 1))
    end = None if until is None else _end(file, simulation, until)
    position = int(arrays["position"][0]), int(arrays["position"][1])
    with threads_in_use(simulation.threads):  # bits of norms depend on LAPACK's threads
        writer = TrajectoryWriter.going_on(file, simulation, position, end, checkpoint_every)
    simulation.restore(arrays, recorded.stop)
    if _has_ended(arrays):
        writer.end(simulation)
        raise RunHasEnded(f"{file}: is complete: its run has ended by itself")
    if not writer.until > simulation.time:
        raise TrajectoryError(
            f"{file}: has come to tau = {simulation.time:g}; expected a later end, found "
            f"{writer.until:g}"
        )
    simulation.provenance.update(config=_with_end(file, recorded.config, end), seed=recorded.seed)
    simulation.writers.append(writer)
    return Resumed(simulation, writer.until, recorded.stop, writer, notes)


def _recorded(path: PathLike) -> tuple[Path, Recorded]:
    """What a file that can be gone on with says of its run."""
    file = existing_file(path, TrajectoryError)
    require_writable(file)
    return file, Recorded.of(file)


class _Network(NamedTuple):
    """Of what run a file is: its samples, alpha and number of neurons."""

    samples: Samples
    alpha: float
    size: int

    @classmethod
    def of(cls, file: Path, ranks: Ranks) -> "_Network":
        """Read by rank 0, which sees all parts; collective."""

        def read() -> "_Network | None":
            if not ranks.is_first:
                return None
            with open_trajectory(file) as trajectory:
                return cls(trajectory.samples, trajectory.alpha, trajectory.size)

        network = ranks.first_of(ranks.together(read))
        assert network is not None
        return network

    def share_of(self, ranks: Ranks) -> tuple[int, int] | None:
        """First and last + 1 of the neurons that are this rank's; None for all."""
        if ranks.size == 1:
            return None
        share = share_of(self.size, self.samples.size, ranks.rank, ranks.size)
        return share.first, share.last


def is_finished(path: PathLike, comm: Any = None) -> bool:
    """Whether the run of a trajectory file has come to its end; collective.

    A run that has ended by itself but was killed then is complete afterwards.

    Raises
    ------
    TrajectoryError
        The file is no trajectory.
    """
    ranks, file = ranks_of(comm), Path(path)

    def look() -> tuple[bool, Recorded | None]:
        if not ranks.is_first:
            return False, None
        with open_trajectory(file) as trajectory:
            if trajectory.is_complete or trajectory.frames == 0:
                return trajectory.is_complete, None
        return False, Recorded.of(file)

    is_complete, recorded = ranks.first_of(ranks.together(look))
    if recorded is None or recorded.until < np.inf:
        return is_complete
    share = _Network.of(file, ranks).share_of(ranks)
    arrays, _ = checkpoint.load(file, recorded.run, ranks, share)
    if arrays is None or not _has_ended(arrays):
        return False
    with suppress(RunHasEnded):
        resume(file, comm=comm)
    return True


class RunHasEnded(TrajectoryError):
    """There is nothing left to run."""


def _has_ended(arrays: Mapping[str, Any]) -> bool:
    """Whether a run without an end had ended when this checkpoint was written."""
    return arrays["position"].size == 3 and bool(arrays["position"][2])


def _simulation(
    file: Path,
    recorded: Recorded,
    network: _Network,
    arrays: Mapping[str, Any],
    device: str | None,
    threads: int | None,
    ranks: Ranks,
) -> Simulation:
    """One that stands where the run began, as far as its observables can see."""
    try:
        integrator = _INTEGRATORS[recorded.integrator](**recorded.settings)
        a, b, c = _some_neurons(arrays)
        arrays["position"][2], arrays["settling"]
    except (KeyError, ValueError, IndexError, TypeError) as problem:
        raise TrajectoryError(f"{file}: its checkpoint is not of this run: {problem}") from None
    first, last = network.share_of(ranks) or (0, network.size)
    if a.size != last - first:
        raise TrajectoryError(
            f"{file}: its checkpoint has {a.size} neurons, expected {last - first}"
        )
    if recorded.device not in DEVICES:
        raise TrajectoryError(f"{file}: is damaged: its device is {recorded.device!r}")
    try:
        neurons = _Saved(network.size, Neurons(a, b, c, alpha=network.alpha))
    except NeuronsError as problem:
        raise TrajectoryError(f"{file}: is damaged: {problem}") from None
    simulation = Simulation(
        network.samples,
        neurons,
        integrator,
        metric=recorded.metric,
        device=recorded.device if device is None else device,
        threads=threads,
        state_dtype=recorded.state_dtype,
        comm=ranks,
    )
    began = _began(arrays)
    if began:
        try:
            simulation.state.restore(began)
        except (KeyError, ValueError) as problem:
            raise TrajectoryError(f"{file}: its checkpoint is not of this run: {problem}") from None
    return simulation


class _Saved:
    """Neurons of which a rank has read its share only, in the place of all."""

    def __init__(self, size: int, own: Neurons) -> None:
        self.size, self.alpha, self._own = size, own.alpha, own

    def part(self, first: int, last: int) -> Neurons:
        return self._own


def _began(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of the state in which the recording began, without their prefix."""
    return {
        name.removeprefix(BEGAN): array for name, array in arrays.items() if name.startswith(BEGAN)
    }


def _some_neurons(arrays: Mapping[str, Any]) -> Any:
    """Variables of a checkpoint in the original order, (3, m)."""
    for kind in ("", "begin_", "end_"):
        if f"{kind}variables" in arrays:
            return original_order(arrays, f"{kind}variables", f"{kind}cell")[0]
    raise KeyError("variables")


def _end(file: Path, simulation: Simulation, until: float) -> float:
    end = finite(f"{file}: the end", until, TrajectoryError)
    return float(simulation.reachable(np.array([end]))[-1])


def _begin_again(
    file: Path,
    recorded: Recorded,
    until: float | None,
    device: str | None,
    threads: int | None,
    notes: list[str],
    ranks: Ranks,
) -> Resumed:
    problems = "".join(f"; {note}" for note in notes)
    with open_trajectory(file) as trajectory:
        is_complete = trajectory.is_complete
    if not recorded.config:
        raise TrajectoryError(
            f"{file}: has no checkpoint, and no configuration to begin again from{problems}"
        )
    if notes or is_complete:  # its frames would be lost
        raise TrajectoryError(
            f"{file}: has no checkpoint to go on from{problems}; 'particleflow run' with "
            "--overwrite begins again"
        )
    tables = _tables(file, _with_end(file, recorded.config, until))
    tables.setdefault("output", {})["file"] = str(file)
    source = config.convert(Path(f"{file}: configuration"), tables)
    run = prepare(
        source,
        overwrite=True,
        device=recorded.device if device is None else device,
        threads=threads,
        comm=ranks,
    )
    notes = [*notes, f"{file}: there is no checkpoint: the run begins again"]
    return Resumed(run.simulation, run.until, run.stop, run.writer, notes)


def _tables(file: Path, toml: str) -> dict[str, Any]:
    """The configuration in a file."""
    try:
        return tomllib.loads(toml)
    except (ValueError, RecursionError) as problem:
        raise TrajectoryError(f"{file}: its configuration is damaged: {problem}") from None


def _with_end(file: Path, toml: str, until: float | None) -> str:
    """A configuration with another end."""
    if until is None or not toml:
        return toml
    tables = _tables(file, toml)
    flow = tables.setdefault("flow", {})
    if "epochs" in flow:
        raise ConfigError("t_end: the run was configured by epochs, which another end would belie")
    flow["t_end"] = until
    return config.dump(tables)


def configuration(path: PathLike) -> tuple[str | None, float | None]:
    """The picture and the seconds between checkpoints that a file's run was configured with.

    Raises
    ------
    TrajectoryError
        The run cannot be gone on with.
    """
    file = existing_file(path, TrajectoryError)
    tables = _tables(file, Recorded.of(file).config)
    try:
        output = tables.get("output", {})
        every = float(output.get("checkpoint_every", config.DEFAULT_CHECKPOINT_EVERY))
        figure = output.get("figure")
        return (None if figure is None else str(figure)), every or None
    except (AttributeError, TypeError, ValueError) as problem:
        raise TrajectoryError(f"{file}: its configuration is damaged: {problem}") from None
