"""From a configuration to a simulation with its writer."""

from pathlib import Path
from typing import Any, NamedTuple

from particleflow.config import (
    DEFAULT_FIRST,
    OF_FILES,
    FlowTable,
    NeuronsTable,
    OutputTable,
    SamplesTable,
    Source,
)
from particleflow.errors import ConfigError, ParticleflowError
from particleflow.integrators import Integrator, registry
from particleflow.model.conventions import decay_in_tau
from particleflow.model.initialisation import Initialisation
from particleflow.model.neurons import Neurons, NeuronSource
from particleflow.model.samples import Samples
from particleflow.ranks.world import ranks_of
from particleflow.run.simulation import Simulation
from particleflow.run.stopping import DEFAULT_STOP
from particleflow.trajectory import RecordedNeurons, TrajectoryWriter

from .epochs import Epochs, epochs_of_run


class Run(NamedTuple):
    """A run that a configuration describes, ready to start."""

    simulation: Simulation
    until: float
    stop: float
    writer: TrajectoryWriter


def prepare(
    source: Source,
    *,
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    comm: Any = None,
    samples: Samples | None = None,
) -> Run:
    """Make the simulation and its writer; nothing is written yet. Collective over the ranks.

    ``samples``, if given, take the place of those that the configuration names.

    Raises
    ------
    ParticleflowError
        Something that the configuration names cannot be used.
    """
    ranks = ranks_of(comm)
    ranks.require_same(configurations=source.portable_toml)

    def make_writer() -> TrajectoryWriter:
        refuse_collisions(source)
        with _table(source.path, "output"):
            return writer_of(source.config.output, overwrite)

    # the writer first: an output that cannot be written is refused before neurons are made
    writer = ranks.together(make_writer)
    simulation, until, stop = simulate(
        source, device=device, threads=threads, comm=ranks, samples=samples
    )
    table = source.config.output
    if table.spacing == "power" and table.first is None:
        epochs = epochs_of_run(simulation)
        if epochs is not None:
            writer.first = epochs.step  # frames at whole numbers of epochs
    simulation.writers.append(writer)
    return Run(simulation, until, stop, writer)


def simulate(
    source: Source,
    *,
    device: str = "auto",
    threads: int | None = None,
    comm: Any = None,
    samples: Samples | None = None,
) -> tuple[Simulation, float, float]:
    """Make the simulation without a writer; collective over the ranks.

    ``samples``, if given, take the place of those that the configuration names.

    Returns
    -------
    simulation : Simulation
    until : float
        The end of the run, infinite if it ends when its loss has settled.
    stop : float
        As of `Simulation.run`.

    Raises
    ------
    ParticleflowError
        Something that the configuration names cannot be used.
    """
    path, config = source
    ranks = ranks_of(comm)

    def parts() -> tuple[Samples, NeuronSource, float, Integrator, float]:
        with _table(path, "samples"):
            found = _samples(config.samples, path.parent) if samples is None else samples
        with _table(path, "neurons"):
            start = _neurons(config.neurons, found, path.parent)
        with _table(path, "flow"):
            keys = ("learning_rate", "epochs", "loss")
            of_epochs = {key: getattr(config.flow, key) for key in keys}
            epochs = Epochs.of(of_epochs, start.alpha, found)
            decay = _decay(config.flow, start.alpha, found)
            return found, start, decay, *_integrator(config.flow, epochs)

    found, start, decay, integrator, until = ranks.together(parts)
    with _table(path, "flow"):
        simulation = Simulation(
            found,
            start,
            integrator,
            metric=config.flow.metric,
            device=device,
            threads=threads,
            state_dtype=config.flow.state_dtype,
            comm=ranks,
            decay=decay,
        )
    simulation.provenance.update(
        config=source.toml, folder=str(path.parent.resolve()), seed=config.neurons.seed
    )
    return simulation, until, DEFAULT_STOP if config.flow.stop is None else config.flow.stop


def refuse_collisions(source: Source) -> None:
    """Refuse a configuration whose outputs would replace one of its inputs or each other.

    Raises
    ------
    ConfigError
    """
    path, config = source
    named = {"the configuration": path}
    for name, file in (
        ("samples.file", config.samples.file),
        ("neurons.file", config.neurons.file),
    ):
        if file is not None:
            named[name] = path.parent / file
    for name, file in (
        ("output.file", config.output.file),
        ("output.figure", config.output.figure),
    ):
        if file is None:
            continue
        for other, taken in named.items():
            if Path(file).resolve() == taken.resolve():
                raise ConfigError(f"{path}: {name}: {file} is {other} already")
        named[name] = Path(file)


class _table:
    """A context that puts the configuration's path and the table's name before messages in it."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, problem: BaseException | None, traceback: Any) -> None:
        if isinstance(problem, ParticleflowError):
            error = type(problem)(f"{self._path}: [{self._name}] {problem}")
            raise error from None


def _samples(table: SamplesTable, folder: Path) -> Samples:
    if table.file is not None:
        given = {key: getattr(table, key) for key in OF_FILES}
        options = {key: value for key, value in given.items() if value is not None}
        samples = Samples.from_file(folder / table.file, **options)
    else:
        assert table.kind is not None
        # `resolve` has left no None here: the zeros are for the type checker
        samples = Samples.generate(
            table.kind, table.count or 0, table.noise or 0.0, table.seed or 0
        )
    return samples.normalised() if table.normalise else samples


def _neurons(table: NeuronsTable, samples: Samples, folder: Path) -> NeuronSource:
    if table.init == "file":
        assert table.file is not None
        path, frame = folder / table.file, -1 if table.frame is None else table.frame
        if path.suffix.lower() == ".h5":
            return RecordedNeurons(path, frame)
        return Neurons.from_file(path, alpha="m" if table.alpha is None else table.alpha)
    options: dict[str, Any] = {
        key: getattr(table, key)
        for key in ("delta", "alpha", "scale", "margin", "sampling")
        if getattr(table, key) is not None
    }
    assert table.count is not None
    return Initialisation(
        table.init,
        table.count,
        antisymmetric=table.antisymmetric,
        seed=table.seed,
        samples=samples,
        **options,
    )


def _decay(table: FlowTable, alpha: float, samples: Samples) -> float:
    """The rate of weight decay in tau that a table ``[flow]`` asks for, 0 if none."""
    if table.weight_decay is None:
        return table.decay or 0.0
    rows = float(samples.rows.weights.sum())
    return decay_in_tau(table.weight_decay, alpha, table.loss or "half_sum", rows)


def _integrator(table: FlowTable, epochs: Epochs | None) -> tuple[Integrator, float]:
    """The integrator of a resolved table ``[flow]``, and the end of the run in tau."""
    assert table.integrator is not None
    kind: Any = registry.of_name(table.integrator)
    given = {key: getattr(table, key) for key in registry.settings_of(kind)}
    settings = {key: value for key, value in given.items() if value is not None}
    if epochs is not None:
        steps = {"step": epochs.step} if kind.counts_steps else {}
        return kind(**settings | steps), epochs.end
    assert table.t_end is not None
    return kind(**settings), table.t_end


def writer_of(table: OutputTable, overwrite: bool) -> TrajectoryWriter:
    """The trajectory writer that a resolved table ``[output]`` describes."""
    assert table.file is not None
    assert table.spacing is not None
    return TrajectoryWriter(
        table.file,
        frames=table.frames,
        spacing=table.spacing,
        neurons=table.neurons,
        precision=table.precision,
        observables=table.observables,
        overwrite=overwrite,
        first=DEFAULT_FIRST if table.first is None else table.first,
        checkpoint_every=table.checkpoint_every or None,  # 0 seconds: no checkpoints
    )
