"""``python bench/report FILE.json``: results and figures of a run of the benchmarks."""

import sys
from pathlib import Path

import click
from figures import draw_all
from records import Records, ReportError
from tables import write_results

BENCH = Path(__file__).parent.parent


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE.json ..."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=BENCH,
    metavar="FOLDER", help="Where RESULTS.md and figures/ go; bench/ by default.",
)  # fmt: skip
def report(files: tuple[Path, ...], output: Path) -> None:
    """Turn the results of ``pytest --benchmark --benchmark-json=FILE.json`` into RESULTS.md.

    Benchmarks that a later file has, too, count as there. Files of an earlier report are replaced.
    """
    try:
        records = Records(*files)
        pictures = output / "figures"
        pictures.mkdir(parents=True, exist_ok=True)
        drawn = draw_all(records, pictures)
        target = output / "RESULTS.md"
        target.write_text(write_results(records, drawn), encoding="utf-8")
    except (ReportError, OSError) as error:
        click.echo(f"report: error: {error}", err=True)
        sys.exit(2)
    click.echo(f"{target}, with {len(drawn)} figures")


if __name__ == "__main__":
    report(prog_name="python bench/report")
