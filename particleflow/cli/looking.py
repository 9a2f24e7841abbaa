"""The commands that look at files and at this machine, and draw: info, doctor, plot and figures."""

import time
from contextlib import ExitStack
from pathlib import Path

import click

from .shared import announce_compilation, check_figure, draw, samples_options, show
from .viewing import write_page

KINDS = (
    "overview", "function", "phase", "knots", "loss", "spectrum", "interpolants", "curvature",
    "density", "sectors",
)  # fmt: skip
"""The kinds of pictures, as in ``figures.KINDS``: importing those takes too long for ``--help``."""
_FOLLOW_SECONDS = 1.0


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--isolate", is_flag=True,
    help="Read it in another process, for a file on which the HDF5 library hangs or crashes.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="samples.KEY=VALUE",
    help="Of samples: how to read them, as samples.x=times.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="FIG",
    help="Of samples: draw them into a picture (.png, .pdf, .svg).",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a picture that exists.")
def info(
    file: Path,
    as_json: bool,
    isolate: bool,
    overrides: tuple[str, ...],
    figure: Path | None,
    overwrite: bool,
) -> None:
    """Say what a file holds.

    A trajectory, a part or a checkpoint of one, the table of a sweep, a limit, an export, neurons,
    samples or a configuration. Of samples it says what a run would read, and how.
    """
    from particleflow.inspect.facts import facts_of, isolated

    if overrides or figure is not None:
        _of_samples(file, as_json, overrides, figure, overwrite)
        return
    if isolate:
        click.echo(isolated(file, as_json), nl=False)
        return
    show(facts_of(file), as_json)


def _of_samples(
    file: Path, as_json: bool, overrides: tuple[str, ...], figure: Path | None, overwrite: bool
) -> None:
    """Say what samples are read with these settings, and draw them."""
    from particleflow.inspect.facts import facts_of_samples
    from particleflow.model.samples import Samples

    if figure is not None:
        check_figure(figure, overwrite)
    samples = Samples.from_file(file, **samples_options(overrides))
    show({"file": str(file), "kind": "samples", **facts_of_samples(samples)}, as_json)
    if figure is not None:
        from particleflow import figures

        figures.save(figures.plot_samples(samples), figure)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--compile", "compiles", is_flag=True,
    help="Compile the kernels of all integrators instead, for runs to find.",
)  # fmt: skip
def doctor(as_json: bool, compiles: bool) -> None:
    """Say what this machine offers: versions, threads, devices, cache, speed of a push."""
    if compiles:
        _compile_ahead(as_json)
        return
    from particleflow.inspect.doctor import examine

    announce_compilation(quiet=as_json)
    show(examine(), as_json)


def _compile_ahead(as_json: bool) -> None:
    from particleflow.backend import cache_folder
    from particleflow.jobs.ahead import Compiled, compile_ahead

    seconds = {}

    def tell(one: Compiled) -> None:
        seconds[f"{one.integrator}, {one.precision}"] = round(one.seconds, 1)
        if not as_json:
            click.echo(f"{one.integrator}, {one.precision}: {one.seconds:.1f} s")

    if not as_json:
        click.echo(f"compiling into {cache_folder() or 'no folder'}")
    compile_ahead(tell=tell)
    if as_json:
        show({"cache": cache_folder(), "seconds": seconds}, as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FIG",
    help="Picture (.png, .pdf, .svg), .gif or .mp4 with --animate, or .html, a page as of `view`; "
    "FILE.png, FILE-KIND.png or FILE.gif by default.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True,
    help="What to draw, as wide as a page or as one of its columns.",
)  # fmt: skip
@click.option(
    "--frame", type=int, metavar="N",
    help="Frame that is shown, of kinds that show one; the last by default.",
)  # fmt: skip
@click.option(
    "--animate", is_flag=True,
    help="Function and neurons over time, as a GIF, or as MP4 where ffmpeg is installed.",
)  # fmt: skip
@click.option(
    "--with", "others", multiple=True, type=click.Path(path_type=Path), metavar="OTHER.h5",
    help="Compare with another run on the same samples; of three or more runs draw the band.",
)  # fmt: skip
@click.option("--stride", type=int, metavar="N", help="Every Nth frame only, with --animate.")
@click.option(
    "--column", "columns", multiple=True, metavar="NAME",
    help="Of a sweep: what to draw a map of; knots_near_samples, kernel_distance, fit by default.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a picture that exists.")
@click.option(
    "--follow",
    is_flag=True,
    help="Draw again as the file grows, until it is complete or its run has died.",
)
def plot(  # noqa: PLR0913 (options of the command line)
    file: Path,
    output: Path | None,
    kind: str,
    frame: int | None,
    animate: bool,
    others: tuple[Path, ...],
    stride: int | None,
    columns: tuple[str, ...],
    overwrite: bool,
    follow: bool,
) -> None:
    """Draw a trajectory, as KIND says, or animate it; or the maps of a sweep, or a limit."""
    from particleflow.arguments import existing_file
    from particleflow.errors import TrajectoryError
    from particleflow.files.kinds import is_of_kind

    existing_file(file, TrajectoryError)
    given = {
        "--kind": kind != KINDS[0],
        "--frame": frame is not None,
        "--animate": animate,
        "--with": bool(others),
        "--stride": stride is not None,
        "--column": bool(columns),
        "--follow": follow,
    }
    if output is not None and output.suffix.lower() == ".html":
        _allow(given, "a page")
        write_page(file, figure := output, overwrite=overwrite)
    elif is_of_kind(file, "limit"):
        _allow(given, "the file of a limit")
        figure = output or _default(file, KINDS[0])
        check_figure(figure, overwrite)
        _draw_limit(file, figure)
    elif is_of_kind(file, "sweep"):
        _allow(given, "the table of a sweep", "--column")
        figure = output or _default(file, KINDS[0])
        check_figure(figure, overwrite)
        _draw_sweep(file, figure, columns)
    elif others:
        _allow(given, "--with", "--with")
        figure = output or file.with_name(f"{file.stem}-compared.png")
        check_figure(figure, overwrite)
        _compare((file, *others), figure)
    elif animate:
        _allow(given, "--animate", "--animate", "--stride")
        figure = output or file.with_suffix(".gif")
        _animate(file, figure, 1 if stride is None else stride, overwrite)
    else:
        _allow(given, "a picture", "--kind", "--frame", "--follow")
        _check_frame(kind, frame, follow)
        figure = output or _default(file, kind)
        check_figure(figure, overwrite)
        if follow:
            _follow(file, figure, kind)
        else:
            draw(file, figure, kind, -1 if frame is None else frame)
    click.echo(str(figure))


def _allow(given: dict[str, bool], what: str, *allowed: str) -> None:
    """Refuse options that were given but mean nothing for what is drawn."""
    for option, is_given in given.items():
        if is_given and option not in allowed:
            raise click.UsageError(f"{option} does not go with {what}")


def _check_frame(kind: str, frame: int | None, follow: bool) -> None:
    from particleflow import figures

    if frame is None:
        return
    if follow:
        raise click.UsageError("--frame does not go with --follow")
    if not figures.KINDS[kind].has_frame:
        raise click.UsageError(f"--frame: {kind} shows all frames")


def _draw_sweep(file: Path, figure: Path, columns: tuple[str, ...]) -> None:
    from particleflow import figures
    from particleflow.sweeps.table import open_sweep

    figures.save(figures.plot_sweep(open_sweep(file), columns), figure)


def _draw_limit(file: Path, figure: Path) -> None:
    from particleflow import figures
    from particleflow.limits.assess import open_limit

    figures.save(figures.plot_limit(open_limit(file)), figure)


def _compare(files: tuple[Path, ...], figure: Path) -> None:
    from particleflow import figures
    from particleflow.trajectory import open_trajectory

    with ExitStack() as stack:
        opened = [stack.enter_context(open_trajectory(file)) for file in files]
        figures.save(figures.plot_compared(opened), figure)


def _default(file: Path, kind: str) -> Path:
    return file.with_name(f"{file.stem}.png" if kind == "overview" else f"{file.stem}-{kind}.png")


def _animate(file: Path, figure: Path, stride: int, overwrite: bool) -> None:
    from particleflow import figures
    from particleflow.arguments import count
    from particleflow.errors import TrajectoryError
    from particleflow.trajectory import open_trajectory

    every = count("--stride", stride, TrajectoryError)
    with open_trajectory(file) as trajectory:
        figures.animate(trajectory, figure, every, overwrite=overwrite)


def _follow(file: Path, figure: Path, kind: str) -> None:
    """Draw whenever the file has more frames, until it is complete or no process writes it."""
    from particleflow.files.locks import is_locked
    from particleflow.trajectory import open_trajectory

    drawn = 0
    while True:
        is_written = is_locked(file)  # asked first: a run may end while its picture is drawn
        with open_trajectory(file) as trajectory:
            frames, is_complete = trajectory.frames, trajectory.is_complete
        if frames != drawn:
            draw(file, figure, kind)
            drawn = frames
        if is_complete or not is_written:  # without a lock its run has ended or died
            return
        time.sleep(_FOLLOW_SECONDS)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="Folder for pictures, data and recipes; made if there is none.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def figures(names: tuple[str, ...], output: Path, overwrite: bool) -> None:
    """Make figures 5 to 8 of Williams et al. (2019), and regimes; or those named.

    By name also alignment, min_norm, shevchenko and edge, and, in some minutes each, fluctuations
    and scalings. Says of each claim of their captions whether it holds.
    """
    from particleflow import gallery

    chosen = tuple(dict.fromkeys(names or gallery.USUAL))
    gallery.check_targets(chosen, output, overwrite)
    announce_compilation(quiet=False)
    for name in chosen:
        for verdict in gallery.make(name, output, overwrite):
            click.echo(f"{name}: {verdict}")
