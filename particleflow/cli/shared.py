"""Functions that several commands use."""

import json
import math
from pathlib import Path
from typing import Any

import click


def announce_compilation(quiet: bool, ranks: int = 1) -> None:
    """Let a line on stderr say that a kernel is being compiled, here or by another process.

    This holds until the command ends; ``quiet`` commands say nothing.
    """
    from particleflow.backend import compile_notice, when_compiling

    if quiet:
        return
    notice = compile_notice(ranks)
    waiting = "another process compiles a kernel that is needed here: waiting for it"

    def tell() -> None:
        click.echo(notice, err=True)

    when_compiling(tell, tell if ranks > 1 else lambda: click.echo(waiting, err=True))
    click.get_current_context().call_on_close(lambda: when_compiling(None, None))


def show(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts by name: a line for each, or one JSON object."""
    if as_json:
        click.echo(json.dumps(_portable(facts), allow_nan=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {_shown(value)}".rstrip())


def _portable(value: Any) -> Any:
    """A value for JSON, which has no infinite numbers and no NaN: they become words, as in TOML."""
    if isinstance(value, dict):
        return {name: _portable(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def check_figure(path: Path, overwrite: bool) -> None:
    from particleflow.figures import check_target

    check_target(path, overwrite)


def draw(file: Path, figure: Path, kind: str = "overview", frame: int = -1) -> None:
    from particleflow import figures
    from particleflow.trajectory import open_trajectory

    with open_trajectory(file) as trajectory:
        figures.save(figures.plot(trajectory, kind, frame), figure)


def in_words(seconds: float) -> str:
    """A time in words, in the largest unit of which it has at least two, else in seconds."""
    if not math.isfinite(seconds) or seconds >= 1e4 * _YEAR:
        return "more than 10,000 years"
    for unit, name in ((_YEAR, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.0f} s"


_YEAR = 365.25 * 86400.0
