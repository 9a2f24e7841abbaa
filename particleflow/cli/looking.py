"""Commands that look at what is there, and draw it: info, doctor, plot and figures."""

import time
from pathlib import Path

import click

from .shared import announce_compilation, check_figure, draw, show

_FOLLOW_SECONDS = 1.0


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--isolate", is_flag=True,
    help="Read it in another process, for a file on which the HDF5 library hangs or crashes.",
)  # fmt: skip
def info(file: Path, as_json: bool, isolate: bool) -> None:
    """Say what a trajectory file holds."""
    from particleflow.facts import facts_of, isolated

    if isolate:
        click.echo(isolated(file, as_json), nl=False)
        return
    from particleflow.trajectory import open_trajectory

    with open_trajectory(file) as trajectory:
        facts = facts_of(trajectory)
    show(facts, as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> None:
    """Say what this machine offers: versions, threads, devices, cache, speed of a push."""
    from particleflow.doctor import examine

    announce_compilation(quiet=as_json)
    show(examine(), as_json)


@click.command()
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
    from particleflow._cast import existing_file
    from particleflow.errors import TrajectoryError

    existing_file(file, TrajectoryError)
    figure = file.with_suffix(".png") if output is None else output
    check_figure(figure, overwrite)
    if follow:
        _follow(file, figure)
    else:
        draw(file, figure)
    click.echo(str(figure))


def _follow(file: Path, figure: Path) -> None:
    """Draw whenever there are more frames, until all are there or nobody writes them any more."""
    from particleflow.trajectory import is_locked, open_trajectory

    drawn = 0
    while True:
        with open_trajectory(file) as trajectory:
            frames, is_complete = trajectory.frames, trajectory.is_complete
        if frames != drawn:
            draw(file, figure)
            drawn = frames
        if is_complete or not is_locked(file):  # nobody writes it
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
    """Make the appendix's figures (fig5 to fig8) and the map of regimes, all or by name.

    Says of each claim of their captions whether it holds.
    """
    from particleflow import gallery

    chosen = tuple(dict.fromkeys(names or gallery.NAMES))
    gallery.check_targets(chosen, output, overwrite)
    announce_compilation(quiet=False)
    for name in chosen:
        for verdict in gallery.make(name, output, overwrite):
            click.echo(f"{name}: {verdict}")
