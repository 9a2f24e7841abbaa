"""The command that begins: a configuration for samples that somebody has."""

from pathlib import Path

import click

from .shared import samples_options


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="DATA")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="CONFIG.toml",
    help="The configuration, instead of DATA.toml in the current folder.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="samples.KEY=VALUE",
    help="How to read the file, as samples.x=times.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def init(file: Path, output: Path | None, overrides: tuple[str, ...], overwrite: bool) -> None:
    """Write a configuration for the samples in a file, with sensible settings and why.

    `particleflow run` runs it; `particleflow info DATA` says what would be read.
    """
    from particleflow.arguments import existing_file
    from particleflow.errors import SamplesError
    from particleflow.files.disk import check_target, new_file
    from particleflow.jobs.proposal import propose

    found = existing_file(file, SamplesError)
    stem = file.name.removesuffix(".gz").rpartition(".")[0] or file.name
    config = output or Path(f"{stem}.toml")
    check_target(config, overwrite)
    proposal = propose(found, samples_options(overrides), config)
    with new_file(config, overwrite) as temporary:
        temporary.write_text(proposal.toml, encoding="utf-8")
    click.echo(f"samples: {'; '.join(proposal.samples.source.notes)}", err=True)
    click.echo(f"{config}: {proposal.samples.size} samples; particleflow run {config}")
