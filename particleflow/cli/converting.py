"""The commands that write a trajectory anew: export and repack."""

from pathlib import Path
from typing import Any

import click

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE.h5")


@click.command()
@_FILE
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT",
    help="A .npz for NumPy, a .csv in long form, a .nc (netCDF) for xarray, a .vtkhdf for "
    "ParaView, or a .xyz for OVITO and ASE.",
)  # fmt: skip
@click.option("--stride", type=int, default=1, metavar="N", help="Every Nth frame only.")
@click.option("--neurons", type=int, metavar="N", help="So many, evenly spread, instead of all.")
@click.option(
    "--contents", type=click.Choice(["neurons", "observables"]), default="neurons",
    show_default=True, help="What the rows of a .csv are of.",
)  # fmt: skip
@click.option(
    "--limit", type=int, default=1_000_000, show_default=True, metavar="ROWS",
    help="Refuse a .csv or .xyz of more rows.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def export(
    file: Path,
    output: Path,
    stride: int,
    neurons: int | None,
    contents: Any,
    limit: int,
    overwrite: bool,
) -> None:
    """Write a trajectory as .npz, .csv, .nc, .vtkhdf or .xyz, by the ending of OUT."""
    from particleflow.exports import export as write

    chosen: Any = "all" if neurons is None else neurons
    write(file, output, stride, chosen, contents, limit, overwrite)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.3g} MB")


@click.command()
@_FILE
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT.h5",
    help="The same file: it is replaced, with --overwrite.",
)  # fmt: skip
@click.option(
    "--layout", type=click.Choice(["frames", "particles"]),
    help="Chunks of neurons of a frame, or of frames of a neuron.",
)  # fmt: skip
@click.option("--filter", "filter_", type=click.Choice(["none", "gzip"]), help="Compression.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def repack(file: Path, output: Path, layout: Any, filter_: Any, overwrite: bool) -> None:
    """Write a trajectory with other chunks or another filter, parts of ranks in one file.

    Every value is read back and compared.
    """
    from particleflow.trajectory import open_trajectory
    from particleflow.trajectory import repack as write

    with open_trajectory(file) as trajectory:
        before = trajectory.bytes
    write(file, output, layout, filter_, overwrite)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.3g} MB, {before / 1e6:.3g} MB before")
