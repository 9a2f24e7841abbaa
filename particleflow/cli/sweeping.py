"""The command that runs a configuration over a grid of settings and seeds: sweep."""

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from .exits import EXIT_RUN_FAILED, Stopped
from .shared import announce_compilation

if TYPE_CHECKING:
    from particleflow.sweeps.table import Sweep


@click.command()
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@click.option(
    "--over", "axes", multiple=True, required=True, metavar="SECTION.KEY=VALUES",
    help="An axis of the grid: -1,0,1 or log:0.01:100:9 or lin:0:1:5; once for each key.",
)  # fmt: skip
@click.option(
    "--seeds", type=int, default=1, show_default=True, metavar="N",
    help="Runs of each setting, with neurons.seed and the N - 1 after it.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.h5",
    help="The table; a sweep that is in it already is resumed.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE",
    help="Override a key in all runs; without a value: leave it out.",
)  # fmt: skip
@click.option("--trajectories", is_flag=True, help="Keep each run's: FILE.h5.runs/NUMBER.h5.")
@click.option("--workers", type=int, metavar="N", help="Processes; one a processor by default.")
@click.option("--retry", is_flag=True, help="Carry out again what has failed.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def sweep(  # noqa: PLR0913 (options of the command line)
    config: Path,
    axes: tuple[str, ...],
    seeds: int,
    output: Path,
    overrides: tuple[str, ...],
    trajectories: bool,
    workers: int | None,
    retry: bool,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Run CONFIG.toml for all combinations of settings and seeds, into one table.

    Runs go to processes of one thread each, or under a launcher of MPI to the ranks but the first.
    The same command resumes a sweep that was interrupted. `particleflow plot FILE.h5` draws
    the map.
    """
    from particleflow.errors import ConfigError
    from particleflow.ranks.world import ranks_of
    from particleflow.sweeps.axes import parse
    from particleflow.sweeps.run import sweep as carry_out

    ranks = ranks_of()
    quiet = quiet or not ranks.is_first
    parsed = ranks.together(lambda: [parse(text) for text in axes])
    over = {axis.key: axis.values for axis in parsed}
    if len(over) < len(parsed):
        raise ConfigError("--over: a key is there twice")
    announce_compilation(quiet, ranks.size)
    before = _identity(output) if overwrite else None
    with _Bar(quiet) as bar:
        try:
            found = carry_out(
                config, over, output, seeds, overrides=overrides, trajectories=trajectories,
                workers=workers, retry=retry, overwrite=overwrite, progress=bar.show,
            )  # fmt: skip
        except Stopped as stopped:
            raise Stopped(stopped.number, advice=_left(output, overwrite, before)) from None
    return _tell(found, quiet) if ranks.is_first else 0


_PROBLEMS = 3


class _Bar:
    """A progress bar with the time left; shown on a terminal only."""

    def __init__(self, quiet: bool) -> None:
        self._is_shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        self._begin, self._before = time.monotonic(), 0

    def __enter__(self) -> Self:
        return self

    def show(self, ended: int, total: int) -> None:
        if not self._is_shown:
            return
        if self._bar is None:
            self._before = ended - 1  # runs that an earlier call of the command has done
            self._bar = click.progressbar(
                length=total, file=sys.stderr, label="runs", show_pos=True, show_eta=False,
                item_show_func=lambda left: left,
            )  # fmt: skip
            self._bar.__enter__()
        pace = (time.monotonic() - self._begin) / (ended - self._before)
        left = timedelta(seconds=round(pace * (total - ended)))
        self._bar.update(ended - self._bar.pos, f"{left} left")

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


def _identity(table: Path) -> tuple[int, int] | None:
    """A mark of a table that changes when the table is replaced; None if there is no table."""
    try:
        found = table.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _left(table: Path, overwrite: bool, before: tuple[int, int] | None) -> str:
    """Words on how far an interrupted sweep has come, and on how to resume the sweep.

    ``before`` is the `_identity` of a table that was to be overwritten, and may be there still.
    """
    from particleflow.errors import ParticleflowError
    from particleflow.sweeps.table import DONE, FAILED, open_sweep

    try:
        found = open_sweep(table)
    except ParticleflowError:
        return "no run was begun"
    if before is not None and _identity(table) == before:
        return f"no run was begun; {table} is as it was"
    failed = found.count(FAILED)
    text = f"{table}: {found.count(DONE)} of {found.status.size} runs done"
    way = "without --overwrite " if overwrite else ""
    return f"{text}{f', {failed} failed' if failed else ''}; {way}the same command goes on"


def _tell(found: "Sweep", quiet: bool) -> int:
    """Say what has been done, and why runs failed; returns the exit code, 3 if one failed."""
    from particleflow.errors import IntegrationError
    from particleflow.sweeps.table import DONE, FAILED

    done, failed = found.count(DONE), found.count(FAILED)
    text = f"{found.path}: {done} of {found.status.size} runs"
    if failed and not done:
        raise IntegrationError(f"{text}, {failed} failed: {found.problems[0]}")
    code = EXIT_RUN_FAILED if failed else 0
    if quiet:
        return code
    click.echo(text + (f" done, {failed} failed; --retry carries them out again" if failed else ""))
    for problem in found.problems[:_PROBLEMS]:
        click.echo(f"failed: {problem}", err=True)
    return code
