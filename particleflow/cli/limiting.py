"""The command that finds the limit of many neurons: limit."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .exits import Stopped
from .shared import announce_compilation

if TYPE_CHECKING:
    from particleflow.limits.assess import Level, Limit

_PEAK = 10.0
"""How many times the median over time an error is at least that is told with its time."""


@click.command()
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.h5",
    help="The file of the limit; one that is in it already is resumed.",
)  # fmt: skip
@click.option(
    "--tolerance", type=float, default=1e-3, show_default=True, metavar="T",
    help="Largest standard error of f, in units of the spread of y.",
)  # fmt: skip
@click.option(
    "--observable", "observables", multiple=True, metavar="NAME",
    help="An observable whose error has to be below T of its size, too.",
)  # fmt: skip
@click.option(
    "--replicates", type=int, default=8, show_default=True, metavar="N",
    help="Starts of each number of neurons.",
)  # fmt: skip
@click.option(
    "--first", type=int, default=2**10, show_default=True, metavar="N",
    help="Neurons to begin with.",
)  # fmt: skip
@click.option(
    "--most", type=int, default=2**20, show_default=True, metavar="N",
    help="Neurons at which to give up.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE",
    help="Override a key of the configuration; without a value: leave it out.",
)  # fmt: skip
@click.option("--workers", type=int, metavar="N", help="Processes; one a processor by default.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def limit(  # noqa: PLR0913 (options of the command line)
    config: Path,
    output: Path,
    tolerance: float,
    observables: tuple[str, ...],
    replicates: int,
    first: int,
    most: int,
    overrides: tuple[str, ...],
    workers: int | None,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Find the limit of many neurons of CONFIG.toml, with error bars.

    Quiet starts of more and more neurons, until the standard error of f is below the tolerance.
    Replicates go to processes of one thread each, or under a launcher of MPI to the ranks but the
    first. The same command resumes what was interrupted, or goes on to a smaller tolerance.
    `particleflow plot FILE.h5` draws f with its error.
    """
    from particleflow.limits.run import mean_field_limit
    from particleflow.ranks.world import ranks_of

    ranks = ranks_of()
    quiet = quiet or not ranks.is_first
    announce_compilation(quiet, ranks.size)
    told: list[int] = []

    def tell(found: "Limit") -> None:
        if not quiet:
            for level in found.levels[len(told) :]:
                click.echo(_line(level))
                told.append(level.neurons)

    try:
        found = mean_field_limit(
            config, output, tolerance, observables=observables, replicates=replicates, first=first,
            most=most, overrides=overrides, workers=workers, overwrite=overwrite, progress=tell,
        )  # fmt: skip
    except Stopped as stopped:
        advice = f"{output} keeps what is done; the same command goes on"
        raise Stopped(stopped.number, advice=advice) from None
    tell(found)
    return _end(found, quiet) if ranks.is_first else 0


def _line(level: "Level") -> str:
    errors = "".join(f", {name} {error:.1e}" for name, error in level.errors.items())
    return f"m = {level.neurons:,}: errors: f {level.error:.1e}{errors}; {level.seconds:.3g} s"


def _end(found: "Limit", quiet: bool) -> int:
    """Say what was found; returns the exit code.

    Raises
    ------
    IntegrationError
        The tolerance was not reached.
    """
    from particleflow.errors import IntegrationError

    tolerance, last = found.design.tolerance, found.levels[-1]
    if not quiet:
        click.echo(f"{found.path}: {'; '.join(_sentences(found))}")
    if not found.is_reached:
        reached = ", ".join(
            [f"f {last.error:.1e}", *(_error_of(found, name) for name in found.design.named)]
        )
        raise IntegrationError(
            f"{found.path}: tolerance {tolerance:g} is not reached with {last.neurons:,} neurons, "
            f"the errors are {reached}; what was found is kept"
        )
    return 0


def _error_of(found: "Limit", name: str) -> str:
    """The error of an observable, and if it is large at one time only, when."""
    import numpy as np

    mean, error = found.observables[name]
    shares = error / max(float(np.abs(mean).max()), 1e-300)
    at, usual = int(shares.argmax()), float(np.median(shares))
    where = ""
    if shares[at] > _PEAK * usual:
        where = f" (at tau = {found.time[at]:.3g}; half of the times are below {usual:.1e})"
    return f"{name} {found.levels[-1].errors[name]:.1e}{where}"


def _sentences(found: "Limit") -> list[str]:
    last, starts = found.levels[-1], found.design.replicates
    sentences = [
        f"{starts} starts of {last.neurons:,} neurons give f to {last.error:.1e} of the spread of y"
    ]
    is_quiet = found.design.sampling == "quiet"
    if is_quiet and last.error > 0.0 and found.independent == found.independent:  # not NaN
        # errors of independent neurons fall like m^(-1/2)
        needed = found.independent * (found.design.tolerance / last.error) ** 2
        sentences.append(
            f"as many starts of independent neurons would need some "
            f"{float(f'{max(1.0, needed):.0e}'):,.0f} each"
        )
    sentences.append(found.verdict)
    if found.design.noise > found.design.tolerance * found.design.spread:
        sentences.append(
            "the steps may be off by more than that in all replicates alike: lower flow.tolerance"
        )
    return sentences
