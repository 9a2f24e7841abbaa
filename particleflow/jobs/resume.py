"""Resuming a run from its trajectory file and its last checkpoint."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow import config
from particleflow.arguments import PathLike, existing_file, finite
from particleflow.backend import DEVICES, share_of, threads_in_use
from particleflow.errors import NeuronsError, TrajectoryError
from particleflow.files.disk import require_writable
from particleflow.integrators import Integrator, registry
from particleflow.model.samples import Samples
from particleflow.ranks.world import Ranks, ranks_of
from particleflow.run.simulation import Simulation
from particleflow.trajectory import (
    BEGAN,
    Recorded,
    TrajectoryWriter,
    checkpoint,
    open_trajectory,
)

from .epochs import Epochs, epochs_of_config
from .prepare import prepare
from .saved import Saved, some_neurons
from .stages import (
    another_step,
    epochs_of,
    reconfigured,
    require_repeatable,
    stages_of,
    tables_in,
)


class Resumed(NamedTuple):
    """A resumed run, ready to continue by ``simulation.run(until, stop=stop)``.

    Attributes
    ----------
    simulation : Simulation
        With its writer, at the time of the checkpoint.
    until, stop : float
        Arguments of `Simulation.run`.
    writer : TrajectoryWriter
    notes : list of str
        What a user should know: checkpoints that were passed over, and if the run begins again.
    """

    simulation: Simulation
    until: float
    stop: float
    writer: TrajectoryWriter
    notes: list[str]


def resume(  # noqa: PLR0913 (public: its options are keywords)
    path: PathLike,
    until: float | None = None,
    observables: Mapping[str, Callable[[Simulation], Any]] | None = None,
    device: str | None = None,
    threads: int | None = None,
    checkpoint_every: float | None = config.DEFAULT_CHECKPOINT_EVERY,
    comm: Any = None,
    *,
    epochs: int | None = None,
    changes: Mapping[str, Any] | None = None,
    begin_again: bool = False,
) -> Resumed:
    """Resume the run of a trajectory file from its last checkpoint.

    The rest agrees with that of an uninterrupted run to the bit, for any number of threads, and of
    ranks for which runs have the same bits; on another device it agrees within rounding. A run that
    was killed before its first checkpoint begins again from its configuration, with the samples
    that the file holds. Steps of `RungeKutta` also ended on the times of other writers; these are
    not known any more: such a run continues with other steps.

    Parameters
    ----------
    path : path
        The trajectory file; its checkpoint lies beside it.
    until : float, optional
        Another end of the run.
    observables : mapping of str to callable, optional
        The observables of the user that the run recorded, functions of the simulation, by name.
    device : {"auto", "cpu", "cuda"}, optional
        Where to continue; by default the device of the run.
    threads : int, optional
        Threads of the kernels.
    checkpoint_every : float, optional
        As of `TrajectoryWriter`.
    comm : mpi4py.MPI.Comm, optional
        As of `Simulation`: any number of ranks, whatever the run had; collective.
    epochs : int, optional
        Another end of a run of gradient descent, in steps counted from its start.
    changes : mapping of str to number, optional
        ``{"flow.learning_rate": eta}`` or ``{"flow.step": h}``: gradient descent continues with
        another step from its exact last state. The file records that as a stage.
    begin_again : bool
        Begin again from the configuration though frames are lost by that, as of a run whose
        checkpoint is missing or damaged.

    Returns
    -------
    Resumed

    Raises
    ------
    TrajectoryError
        The run cannot be resumed, another process writes it, the run has ended by itself, or
        ``until`` is not later than the checkpoint.
    """
    ranks = ranks_of(comm)
    file, recorded = ranks.together(lambda: _recorded(path))
    network, changed = _Network.of(file, ranks), changes or {}
    flow = tables_in(file, recorded.config).get("flow", {}) if recorded.config else {}
    flow = flow if isinstance(flow, dict) else {}
    configured = epochs_of_config(recorded.config, network.alpha, network.samples)
    tau_of_rate = 1.0 / network.alpha if configured is None else configured.tau_of_rate
    steps = epochs_of(epochs, until, recorded, flow)
    integrator = another_step(file, recorded, tau_of_rate, changed)
    if integrator is not None and until is None and steps is None and configured is not None:
        steps = configured.number
    arrays, notes = checkpoint.load(file, recorded.run, ranks, network.share_of(ranks))
    if arrays is None or begin_again:
        if changed or steps is not None:
            raise TrajectoryError(
                f"{file}: another step or number of epochs goes on from a checkpoint, and there is "
                "none, or the run is to begin again"
            )
        require_repeatable(file, recorded, notes, begin_again)
        run = _begin_again(file, recorded, network, until, device, threads, notes, ranks)
        for name, function in (observables or {}).items():
            run.simulation.observables.add(name, function, recorded.every.get(name, 1))
        run.writer.checkpoint_every = checkpoint_every
        return run
    # Until the writer is made the simulation stands where the run began, for observables that
    # compare with the start; `restore` then moves it to the checkpoint.
    simulation = _simulation(file, recorded, network, arrays, device, threads, ranks, integrator)
    simulation.provenance["stages"] = stages_of(recorded, simulation, arrays, integrator)
    for name, function in (observables or {}).items():
        simulation.observables.add(name, function, recorded.every.get(name, 1))
    if steps is not None:
        end: float | None = _end_of_epochs(simulation, steps, configured)
    else:
        end = _end(file, recorded, simulation, until, integrator is not None)
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
    told = None if until is None and steps is None else end
    simulation.provenance.update(
        config=reconfigured(
            file,
            recorded.config,
            told,
            steps,
            None if integrator is None else integrator.step,
            tau_of_rate,
        ),
        folder=str((file.parent / recorded.config_folder).resolve()),
        seed=recorded.seed,
    )
    simulation.writers.append(writer)
    return Resumed(simulation, writer.until, recorded.stop, writer, notes)


def _recorded(path: PathLike) -> tuple[Path, Recorded]:
    """The path of a file and the record of its run; refused if the run cannot be resumed."""
    file = existing_file(path, TrajectoryError)
    require_writable(file)
    return file, Recorded.of(file)


class _Network(NamedTuple):
    """The network whose run a file holds: its samples, alpha and number of neurons."""

    samples: Samples
    alpha: float
    size: int

    @classmethod
    def of(cls, file: Path, ranks: Ranks) -> "_Network":
        """Read the network of a file on rank 0, which can see all parts; collective."""

        def read() -> "_Network | None":
            if not ranks.is_first:
                return None
            with open_trajectory(file) as trajectory:
                return cls(trajectory.samples, trajectory.alpha, trajectory.size)

        network = ranks.first_of(ranks.together(read))
        assert network is not None
        return network

    def share_of(self, ranks: Ranks) -> tuple[int, int] | None:
        """First and last + 1 of the neurons that this rank has; None if it has all."""
        if ranks.size == 1:
            return None
        share = share_of(self.size, self.samples.size, ranks.rank, ranks.size)
        return share.first, share.last


def is_finished(path: PathLike, comm: Any = None) -> bool:
    """Whether the run of a trajectory file has come to its end; collective.

    A run that has ended by itself, but was killed before its file was complete, is completed here.

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
    """A run cannot be resumed because it has ended by itself: nothing is left to run."""


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
    another: Integrator | None,
) -> Simulation:
    """A simulation that stands where the run began, as far as its observables can see."""
    try:
        kind: Callable[..., Integrator] = registry.of_name(recorded.integrator)
        integrator = another or kind(**recorded.settings)
        own = some_neurons(arrays, network.size, network.alpha)
        arrays["position"][2], arrays["settling"]  # what is read later is looked for now
    except NeuronsError as problem:
        raise TrajectoryError(f"{file}: is damaged: {problem}") from None
    except (KeyError, ValueError, IndexError, TypeError) as problem:
        raise TrajectoryError(f"{file}: its checkpoint is not of this run: {problem}") from None
    first, last = network.share_of(ranks) or (0, network.size)
    if own.size != last - first:
        raise TrajectoryError(
            f"{file}: its checkpoint has {own.size} neurons, expected {last - first}"
        )
    if recorded.device not in DEVICES:
        raise TrajectoryError(f"{file}: is damaged: its device is {recorded.device!r}")
    simulation = Simulation(
        network.samples,
        Saved(network.size, own),
        integrator,
        metric=recorded.metric,
        device=recorded.device if device is None else device,
        threads=threads,
        state_dtype=recorded.state_dtype,
        comm=ranks,
        decay=recorded.decay,
    )
    began = _began(arrays)
    if began:
        try:
            simulation.state.restore(began)
        except (KeyError, ValueError) as problem:
            raise TrajectoryError(f"{file}: its checkpoint is not of this run: {problem}") from None
    return simulation


def _began(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of the state in which the recording began, without their prefix."""
    return {
        name.removeprefix(BEGAN): array for name, array in arrays.items() if name.startswith(BEGAN)
    }


def _end_of_epochs(simulation: Simulation, number: int, configured: Epochs | None) -> float:
    """The time after so many epochs from the start of the run."""
    if simulation.integrator.counts_steps:
        return float(simulation.motion.time_of(number))
    assert configured is not None  # `epochs_of` has asked for it
    return number * configured.step


def _end(
    file: Path,
    recorded: Recorded,
    simulation: Simulation,
    until: float | None,
    is_staged: bool,
) -> float | None:
    """The time at which the run is to end if not at its recorded end, else None."""
    if until is None and not is_staged:
        return None
    end = finite(f"{file}: the end", recorded.until if until is None else until, TrajectoryError)
    return float(simulation.reachable(np.array([end]))[-1])


def _begin_again(
    file: Path,
    recorded: Recorded,
    network: _Network,
    until: float | None,
    device: str | None,
    threads: int | None,
    notes: list[str],
    ranks: Ranks,
) -> Resumed:
    """The run of a file from its start, in the place of the file."""
    tables = tables_in(file, reconfigured(file, recorded.config, until))
    tables.setdefault("output", {})["file"] = str(file)
    neurons = tables.get("neurons", {})
    if "file" in neurons:
        neurons["file"] = str(Path(recorded.config_folder) / neurons["file"])
    # a path for messages, in the folder of the file: the paths above are relative to that
    source = config.convert(Path(f"{file}: configuration"), tables)
    run = prepare(
        source,
        overwrite=True,
        device=recorded.device if device is None else device,
        threads=threads,
        comm=ranks,
        samples=network.samples,
    )
    run.simulation.provenance.update(
        config=reconfigured(file, recorded.config, until),
        folder=str((file.parent / recorded.config_folder).resolve()),
    )
    notes = [*notes, f"{file}: the run begins again from its configuration"]
    return Resumed(run.simulation, run.until, run.stop, run.writer, notes)


def configuration(path: PathLike) -> tuple[str | None, float | None]:
    """The picture and the seconds between checkpoints that a file's run was configured with.

    If the file was renamed, its picture has the new name: the old one may belong to another file.

    Raises
    ------
    TrajectoryError
        The run cannot be resumed.
    """
    file = existing_file(path, TrajectoryError)
    tables = tables_in(file, Recorded.of(file).config)
    try:
        output = tables.get("output", {})
        every = float(output.get("checkpoint_every", config.DEFAULT_CHECKPOINT_EVERY))
        figure, named = output.get("figure"), Path(str(output.get("file", file))).name
        if figure is not None and file.name != named:
            figure = file.with_suffix(Path(str(figure)).suffix)
        return (None if figure is None else str(figure)), every or None
    except (AttributeError, TypeError, ValueError) as problem:
        raise TrajectoryError(f"{file}: its configuration is damaged: {problem}") from None
