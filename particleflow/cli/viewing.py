"""The command that makes a page of a trajectory, and opens it: view."""

import os
import sys
import webbrowser
from pathlib import Path

import click

NEURONS, FRAMES = 5000, 200
"""As in ``viewer``: importing that takes too long for ``--help``."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="PAGE.html",
    help="The page, beside the file by default.",
)  # fmt: skip
@click.option(
    "--neurons", type=int, default=NEURONS, show_default=True, metavar="N",
    help="At most so many neurons, evenly spread.",
)  # fmt: skip
@click.option(
    "--frames", type=int, default=FRAMES, show_default=True, metavar="N",
    help="At most so many frames, evenly spread.",
)  # fmt: skip
@click.option("--title", metavar="TEXT", help="What stands above it, in place of the file's name.")
@click.option("--no-open", is_flag=True, help="Write the page only; a terminal opens a browser.")
@click.option("--overwrite", is_flag=True, help="Replace a page that exists.")
def view(
    file: Path,
    output: Path | None,
    neurons: int,
    frames: int,
    title: str | None,
    no_open: bool,
    overwrite: bool,
) -> None:
    """Make a page of a trajectory for a browser, with a slider over time, and open it.

    The page is one HTML file that needs no network: it can be sent to others.
    """
    target = write_page(file, output, neurons, frames, title, overwrite)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.3g} MB")
    if not no_open and sys.stdout.isatty() and _has_screen():
        webbrowser.open(target.resolve().as_uri())


def write_page(
    file: Path,
    output: Path | None,
    neurons: int = NEURONS,
    frames: int = FRAMES,
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page of a trajectory; returns its path."""
    from particleflow import viewer
    from particleflow.arguments import existing_file
    from particleflow.errors import TrajectoryError

    existing_file(file, TrajectoryError)
    target = output or file.with_suffix(".html")
    viewer.check(target, overwrite)
    viewer.view(file, neurons, frames, title).save(target, overwrite)
    return target


def _has_screen() -> bool:
    """Whether there may be a window for a browser, and not only a terminal to take over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
