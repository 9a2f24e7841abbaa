"""The commands that simulate: run and resume."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .exits import Stopped
from .shared import announce_compilation, check_figure, draw, in_words, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from particleflow.config import Source
    from particleflow.jobs.prepare import Run
    from particleflow.jobs.resume import Resumed
    from particleflow.ranks.world import Ranks
    from particleflow.run.simulation import Simulation

_TICKS = 1000
BAR_SECONDS = 0.1
FIRST_LINE_SECONDS, LINE_SECONDS = 10.0, 60.0
"""Seconds until the first line of progress, and between two lines, where there is no terminal."""


@click.command()
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@click.option("-o", "--output", metavar="FILE.h5", help="Trajectory file, instead of output.file.")
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE",
    help="Override a key; without a value: leave it out.",
)  # fmt: skip
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto: CUDA if it works, else the CPU.",
)
@click.option("--threads", type=int, metavar="N", help="Threads of the kernels.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option(
    "--estimate", is_flag=True,
    help="Say how large the file and how fast the run will be, from a trial of 3 s; no more.",
)  # fmt: skip
def run(
    config: Path,
    output: str | None,
    overrides: tuple[str, ...],
    device: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
    estimate: bool,
) -> None:
    """Run the simulation that CONFIG.toml describes and write its trajectory.

    Under a launcher of MPI, as in `mpirun -n 4 particleflow run CONFIG.toml`, its ranks share the
    neurons.
    """
    from particleflow.config import load
    from particleflow.jobs.prepare import prepare

    def read() -> "Source":
        source = load(config, overrides, output)
        if source.config.output.figure is not None and not estimate:
            check_figure(Path(source.config.output.figure), overwrite)
        return source

    ranks = _ranks()
    quiet = quiet or not ranks.is_first
    source = ranks.together(read)
    announce_compilation(quiet, ranks.size)
    if estimate:
        _estimate(source, device, threads)
        return
    _carry_out(
        lambda: prepare(source, overwrite=overwrite, device=device, threads=threads, comm=ranks),
        source.config.output.figure,
        quiet,
    )


def _estimate(source: "Source", device: str, threads: int | None) -> None:
    from particleflow.jobs.estimate import estimate
    from particleflow.jobs.prepare import prepare

    if _ranks().size > 1:
        raise click.UsageError("--estimate: expected one process, not several ranks")
    run = prepare(source, overwrite=True, device=device, threads=threads)
    _hint(run.simulation, quiet=False)
    facts = estimate(run)
    for name in ("file_bytes", "memory_bytes"):
        facts[name.replace("bytes", "MB")] = float(f"{facts.pop(name) / 1e6:.3g}")
    if "seconds" in facts:
        facts["would_take"] = in_words(facts["seconds"])
    show(facts, as_json=False)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option("--t-end", type=float, metavar="T", help="Another end of the run.")
@click.option(
    "--epochs", type=int, metavar="N",
    help="Another end: so many epochs from the start of the run, if it counts or was set by them.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE",
    help="flow.learning_rate or flow.step: gradient descent continues with another step.",
)  # fmt: skip
@click.option(
    "--begin-again", is_flag=True,
    help="Without a checkpoint: run it from the start, and replace its frames.",
)  # fmt: skip
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="That of the run by default; on another one the rest agrees within rounding.",
)
@click.option("--threads", type=int, metavar="N", help="Threads of the kernels.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def resume(
    file: Path,
    t_end: float | None,
    epochs: int | None,
    overrides: tuple[str, ...],
    begin_again: bool,
    device: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Resume a run from its last checkpoint; --t-end or --epochs extend one that has ended."""
    from particleflow.config import settings_of
    from particleflow.jobs.resume import configuration, is_finished
    from particleflow.jobs.resume import resume as go_on
    from particleflow.trajectory import to_planned_layout

    ranks = _ranks()
    quiet = quiet or not ranks.is_first
    changes = settings_of(overrides)
    is_same = t_end is None and epochs is None and not (changes or begin_again)
    if is_same and is_finished(file, ranks):
        ranks.together(lambda: to_planned_layout(file) if ranks.is_first else None)
        if not quiet:
            click.echo(f"{file}: is complete{_ways_on(file)}")
        return
    figure, every = ranks.together(lambda: configuration(file))
    announce_compilation(quiet, ranks.size)

    def make() -> "Resumed":
        run = go_on(
            file, t_end, device=device, threads=threads, checkpoint_every=every, comm=ranks,
            epochs=epochs, changes=changes, begin_again=begin_again,
        )  # fmt: skip
        for note in run.notes if ranks.is_first else []:
            click.echo(note, err=True)
        return run

    _carry_out(make, figure, quiet)


def _ranks() -> "Ranks":
    """All ranks that the command was started with; collective."""
    from particleflow.ranks.world import ranks_of

    return ranks_of()


def _ways_on(file: Path) -> str:
    """Words on how a complete run can be made longer; empty for a file of an old version."""
    from particleflow.errors import ParticleflowError
    from particleflow.integrators import registry
    from particleflow.trajectory import Recorded, checkpoint

    try:
        recorded = Recorded.of(file)
        counts_steps = registry.of_name(recorded.integrator).counts_steps
    except ParticleflowError:  # the file is of a version whose runs cannot be resumed
        return ""
    if recorded.until == math.inf:
        return ', its run has ended by itself; init = "file" begins another with its neurons'
    if not checkpoint.path_of(file).exists():
        return ", and has no checkpoint from which it could be made longer"
    if "epochs =" in recorded.config:
        return "; --epochs makes it longer"
    return f"; {'--t-end or --epochs make' if counts_steps else '--t-end makes'} it longer"


def _carry_out(make: "Callable[[], Run | Resumed]", figure: str | None, quiet: bool) -> None:
    """Run, draw the picture, give the file its configured layout, and say what has been done."""
    from particleflow.backend import compiling_seconds
    from particleflow.trajectory import to_planned_layout

    try:
        run = make()
    except Stopped as stopped:
        raise Stopped(stopped.number, advice="before the first step: nothing has changed") from None
    _announce(run.simulation, quiet)
    _hint(run.simulation, quiet)
    begin, compiled, file = time.perf_counter(), compiling_seconds(), run.writer.path
    try:
        _simulate(run, quiet)
    except Stopped as stopped:
        raise Stopped(stopped.number, file) from None
    compiling = compiling_seconds() - compiled
    text = _summary(run, time.perf_counter() - begin - compiling, compiling)
    ranks = run.simulation.ranks
    notes = [] if quiet else run.simulation.notes
    del run  # its neurons and buffers: the picture needs the memory

    def finish() -> None:
        try:
            if figure is not None:
                draw(file, Path(figure))
        finally:  # a picture that cannot be drawn does not change what the file shall be
            to_planned_layout(file)

    ranks.together(lambda: finish() if ranks.is_first else None)
    if not quiet:
        click.echo(text + _size(file) + (f"; picture {figure}" if figure else ""))
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _announce(simulation: "Simulation", quiet: bool) -> None:
    """Say where a run runs, if on a CUDA device or on several ranks; collective."""
    from particleflow.backend import device_notice, is_ordered

    notices = [device_notice(simulation.device)]
    ranks = simulation.ranks
    if ranks.size > 1:
        threads = sorted(set(ranks.all_of(simulation.threads)))
        notices.append(
            f"running on {ranks.size} ranks on {_counted(ranks.machines, 'machine')}, "
            f"{' or '.join(_counted(n, 'thread') for n in threads)} each; sums of slots "
            + (
                "gathered in order, to the same bits for any number of ranks"
                if is_ordered(simulation.samples.size)
                else "by Allreduce, to bits that depend on the number of ranks"
            )
        )
    for notice in notices:
        if notice is not None and not quiet:
            click.echo(notice, err=True)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _hint(simulation: "Simulation", quiet: bool) -> None:
    """Say before the run how its samples were read, what an epoch is, and what is hard to fit."""
    from particleflow.jobs.epochs import epochs_of_run

    samples = simulation.samples
    if samples.source.notes and not quiet:
        click.echo(f"samples: {'; '.join(samples.source.notes)}", err=True)
    epochs = epochs_of_run(simulation)
    if epochs is not None and not quiet:
        has_stages = bool(simulation.provenance.get("stages"))
        click.echo(epochs.text(has_stages), err=True)
    if simulation.decay > 0.0 and not quiet:
        click.echo(_decay_text(simulation), err=True)
    for note in (samples.repeats(), samples.hint()):
        if note is not None and not quiet:
            click.echo(f"note: {note}", err=True)


def _decay_text(simulation: "Simulation") -> str:
    """The weight decay of a run in tau, and what it was converted from."""
    import tomllib

    flow = tomllib.loads(simulation.provenance.get("config", "")).get("flow", {})
    said = f"weight decay: decay = {simulation.decay:.6g} in tau"
    if "weight_decay" in flow:
        said += f", from weight_decay = {flow['weight_decay']:g} of loss = {flow['loss']}"
    return said


def _simulate(run: "Run | Resumed", quiet: bool) -> None:
    simulation, until, stop = run.simulation, run.until, run.stop
    if quiet:
        simulation.run(until, stop=stop)
    elif sys.stderr is not None and sys.stderr.isatty():
        _run_with_bar(simulation, until, stop)
    else:
        simulation.run(until, progress=_Lines(until).show, stop=stop)


class _Progress:
    """How far a run has come, its pace, and how long the rest will take at that pace.

    The pace is counted from the end of the first steps, which may have waited for the compiler.
    """

    def __init__(self, until: float) -> None:
        self._until = until
        self._base: tuple[float, int, float] | None = None
        self._has_begun = False

    def note(self, sim: "Simulation") -> None:
        """Look at the simulation between two steps; to be called at every pause, before `text`."""
        if not self._has_begun:
            # the clock starts anew until steps have been taken since the first call
            self._has_begun = self._base is not None and sim.step > self._base[1]
            self._base = time.monotonic(), sim.step, _share_done(sim.time, self._until)

    def text(self, sim: "Simulation") -> str:
        """One line with tau, and with steps a second and the time left where they are known."""
        assert self._base is not None
        clock, steps, begin = self._base
        share, seconds = _share_done(sim.time, self._until), time.monotonic() - clock
        told = [f"tau {sim.time:.3g}"]
        if sim.step > steps:
            told.append(f"{(sim.step - steps) / seconds:.3g} steps/s")
        if 1.0 > share > begin:
            told.append(f"{in_words(seconds * (1.0 - share) / (share - begin))} left")
        return ", ".join(told)


class _Lines:
    """Progress as a line now and then, where there is no terminal for a bar."""

    def __init__(self, until: float) -> None:
        self._progress, self._next = _Progress(until), time.monotonic() + FIRST_LINE_SECONDS

    def show(self, sim: "Simulation") -> None:
        self._progress.note(sim)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            click.echo(f"running: {self._progress.text(sim)}", err=True)


def _run_with_bar(simulation: "Simulation", until: float, stop: float) -> None:
    progress, due = _Progress(until), 0.0

    def text(sim: Any) -> str:
        return "" if sim is None else progress.text(sim)

    bar: Any = click.progressbar(
        length=_TICKS, file=sys.stderr, item_show_func=text, label="running", show_eta=False
    )

    def show(sim: "Simulation") -> None:
        nonlocal due
        progress.note(sim)
        if time.monotonic() >= due:
            due = time.monotonic() + BAR_SECONDS
            bar.update(int(_TICKS * _share_done(sim.time, until)) - bar.pos, sim)

    with bar:
        simulation.run(until, progress=show, stop=stop)
        progress.note(simulation)
        bar.update(_TICKS - bar.pos, simulation)


def _share_done(time: float, until: float) -> float:
    """The share of a run that is done, in tau; in decades of tau for a run without an end."""
    from particleflow.run.stopping import FIRST, LAST

    if math.isfinite(until):
        return min(1.0, time / until)
    return min(1.0, math.log(max(time, FIRST) / FIRST) / math.log(LAST / FIRST))


def _summary(prepared: "Run | Resumed", seconds: float, compiling: float) -> str:
    simulation = prepared.simulation
    after = f" (and {compiling:.2g} s of compiling)" if compiling > 0.0 else ""
    return (
        f"{prepared.writer.path}: {simulation.size} neurons on {simulation.samples.size} samples, "
        f"tau = {simulation.time:g} in {simulation.step} steps and {seconds:.2g} s{after}, "
        f"loss {simulation.loss:.4g}, "
    )


def _size(file: Path) -> str:
    from particleflow.trajectory import open_trajectory

    with open_trajectory(file) as trajectory:
        return f"{trajectory.frames} frames, {trajectory.bytes / 1e6:.3g} MB"
