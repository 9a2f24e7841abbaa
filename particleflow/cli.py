"""The command line: a thin layer over the Python interface.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

import json
import math
import signal
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._version import __version__
from .errors import ParticleflowError
from .exits import Stopped, exit_code, stop, talks
from .launcher import is_launched

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Source
    from .parallel import Ranks
    from .preparation import Run
    from .resumption import Resumed
    from .simulation import Simulation

_TICKS = 1000
_FOLLOW_SECONDS = 1.0
_OF_MANY_RANKS = ("run", "resume")
"""Commands that all ranks carry out; the others are rank 0's alone."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="particleflow")
@click.pass_context
def cli(context: click.Context) -> None:
    """Simulate the training of shallow ReLU networks as a system of particles."""
    if context.invoked_subcommand not in _OF_MANY_RANKS and is_launched():
        if not talks():
            context.exit()
        from .parallel import ALONE, use

        use(ALONE)


@cli.command()
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
def run(
    config: Path,
    output: str | None,
    overrides: tuple[str, ...],
    device: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Run the simulation that CONFIG.toml describes and write its trajectory.

    Under a launcher of MPI, as in `mpirun -n 4 particleflow run CONFIG.toml`, its ranks share the
    neurons.
    """
    from .config import load
    from .preparation import prepare

    def read() -> "Source":
        source = load(config, overrides, output)
        if source.config.output.figure is not None:
            _check_figure(Path(source.config.output.figure), overwrite)
        return source

    ranks = _ranks()
    quiet = quiet or not ranks.is_first
    source = ranks.together(read)
    _announce_compilation(quiet)
    _carry_out(
        lambda: prepare(source, overwrite=overwrite, device=device, threads=threads, comm=ranks),
        source.config.output.figure,
        quiet,
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option("--t-end", type=float, metavar="T", help="Another end of the run.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="That of the run by default; on another one the rest agrees within rounding.",
)
@click.option("--threads", type=int, metavar="N", help="Threads of the kernels.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def resume(
    file: Path, t_end: float | None, device: str | None, threads: int | None, quiet: bool
) -> None:
    """Go on with a run from its last checkpoint; --t-end extends one that has ended."""
    from .resumption import configuration, is_finished
    from .resumption import resume as go_on

    ranks = _ranks()
    quiet = quiet or not ranks.is_first
    if t_end is None and is_finished(file, ranks):
        if not quiet:
            click.echo(f"{file}: is complete; --t-end goes on")
        return
    figure, every = ranks.together(lambda: configuration(file))
    _announce_compilation(quiet)

    def make() -> "Resumed":
        run = go_on(file, t_end, device=device, threads=threads, checkpoint_every=every, comm=ranks)
        for note in run.notes if ranks.is_first else []:
            click.echo(note, err=True)
        return run

    _carry_out(make, figure, quiet)


def _ranks() -> "Ranks":
    """Those that the command was started with."""
    from .parallel import ranks_of

    return ranks_of()


def _carry_out(make: "Callable[[], Run | Resumed]", figure: str | None, quiet: bool) -> None:
    """Run, draw, and say what has been done."""
    run = make()
    _announce(run.simulation, quiet)
    begin, file = time.perf_counter(), run.writer.path
    try:
        _simulate(run, quiet)
    except Stopped as stopped:
        raise Stopped(stopped.number, file if run.writer.checkpoint_every else None) from None
    ranks = run.simulation.ranks
    summary = "" if quiet else _summary(run, time.perf_counter() - begin, figure)
    del run  # the picture needs the memory
    if figure is not None:
        ranks.together(lambda: _draw(file, Path(figure)) if ranks.is_first else None)
    if not quiet:
        click.echo(summary)


def _announce_compilation(quiet: bool) -> None:
    from .backend import compile_notice, kernels_are_compiled

    if not quiet and not kernels_are_compiled():
        click.echo(compile_notice(), err=True)


def _announce(simulation: "Simulation", quiet: bool) -> None:
    """Say where a run runs, if that is not this machine's processor."""
    from .backend import device_notice, is_ordered

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


def _simulate(run: "Run | Resumed", quiet: bool) -> None:
    simulation, until, stop = run.simulation, run.until, run.stop
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        simulation.run(until, stop=stop)
    else:
        _run_with_bar(simulation, until, stop)


def _run_with_bar(simulation: "Simulation", until: float, stop: float) -> None:
    begin = time.perf_counter()

    def rate(_: Any) -> str:
        seconds = time.perf_counter() - begin
        return f"tau {simulation.time:.3g}, {simulation.step / max(seconds, 1e-9):.3g} steps/s"

    with click.progressbar(
        length=_TICKS, file=sys.stderr, item_show_func=rate, label="running"
    ) as bar:

        def show(sim: "Simulation") -> None:
            bar.update(int(_TICKS * _share_done(sim.time, until)) - bar.pos, sim)

        simulation.run(until, progress=show, stop=stop)


def _share_done(time: float, until: float) -> float:
    """Share of the time, or of its decades for a run without an end."""
    from .stopping import FIRST, LAST

    if math.isfinite(until):
        return min(1.0, time / until)
    return min(1.0, math.log(max(time, FIRST) / FIRST) / math.log(LAST / FIRST))


def _summary(prepared: "Run | Resumed", seconds: float, figure: str | None) -> str:
    simulation, writer = prepared.simulation, prepared.writer
    from .trajectory import open_trajectory

    with open_trajectory(writer.path) as trajectory:
        frames, size = trajectory.frames, trajectory.bytes
    return (
        f"{writer.path}: {simulation.size} neurons on {simulation.samples.size} samples, "
        f"tau = {simulation.time:g} in {simulation.step} steps and {seconds:.2g} s, "
        f"loss {simulation.loss:.4g}, {frames} frames, "
        f"{size / 1e6:.3g} MB" + (f"; picture {figure}" if figure else "")
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--isolate", is_flag=True,
    help="Read it in another process, for a file on which the HDF5 library hangs or crashes.",
)  # fmt: skip
def info(file: Path, as_json: bool, isolate: bool) -> None:
    """Say what a trajectory file holds."""
    from .facts import facts_of, isolated

    if isolate:
        click.echo(isolated(file, as_json), nl=False)
        return
    from .trajectory import open_trajectory

    with open_trajectory(file) as trajectory:
        facts = facts_of(trajectory)
    _show(facts, as_json)


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{name:<{width}}  {shown}")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> None:
    """Say what this machine offers: versions, threads, devices, cache, speed of a push."""
    from .doctor import examine

    _announce_compilation(quiet=as_json)
    _show(examine(), as_json)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FIG",
    help="Picture (.png, .pdf, .svg); FILE.png by default.",
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that exists.")
@click.option(
    "--follow",
    is_flag=True,
    help="Draw again as the file grows, until it is complete or its run has died.",
)
def plot(file: Path, output: Path | None, overwrite: bool, follow: bool) -> None:
    """Draw the function, the neurons in the uv-plane, the loss and the residuals."""
    from ._cast import existing_file
    from .errors import TrajectoryError

    existing_file(file, TrajectoryError)
    figure = file.with_suffix(".png") if output is None else output
    _check_figure(figure, overwrite)
    if follow:
        _follow(file, figure)
    else:
        _draw(file, figure)
    click.echo(str(figure))


def _follow(file: Path, figure: Path) -> None:
    """Draw whenever there are more frames, until all are there or nobody writes them any more."""
    from .trajectory import is_locked, open_trajectory

    drawn = 0
    while True:
        with open_trajectory(file) as trajectory:
            frames, is_complete = trajectory.frames, trajectory.is_complete
        if frames != drawn:
            _draw(file, figure)
            drawn = frames
        if is_complete or not is_locked(file):  # nobody writes it
            return
        time.sleep(_FOLLOW_SECONDS)


@cli.command("figures")
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="Folder for pictures, data and recipes; made if there is none.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def figures_command(names: tuple[str, ...], output: Path, overwrite: bool) -> None:
    """Make the appendix's figures (fig5 to fig8) and the map of regimes, all or by name.

    Says of each claim of their captions whether it holds.
    """
    from . import gallery

    chosen = tuple(dict.fromkeys(names or gallery.NAMES))
    gallery.check_targets(chosen, output, overwrite)
    _announce_compilation(quiet=False)
    for name in chosen:
        for verdict in gallery.make(name, output, overwrite):
            click.echo(f"{name}: {verdict}")


def _check_figure(path: Path, overwrite: bool) -> None:
    from .figures import check_target

    check_target(path, overwrite)


def _draw(file: Path, figure: Path) -> None:
    from .figures import save_overview
    from .trajectory import open_trajectory

    with open_trajectory(file) as trajectory:
        save_overview(trajectory, figure)


def main() -> None:
    """Entry point: every failure is one line on stderr and an exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as of a parent's `trap '' INT`
            signal.signal(number, stop)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.exit(exit_code(_main))


def _main() -> int:
    """The command; a failure of one rank alone ends all of them."""
    try:
        return int(cli(standalone_mode=False, prog_name="particleflow") or 0)
    except BaseException as problem:
        if is_launched():
            from .parallel import failed, ranks_of

            with suppress(ParticleflowError):
                ranks_of()  # others may wait for this rank to join them
            failed(problem)
        raise
