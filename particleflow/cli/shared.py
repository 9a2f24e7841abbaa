"""Functions that several commands use."""

import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from particleflow.backend import Compiling

_ERASE = "\x1b[2K"  # the line on which the cursor is


def announce_compilation(quiet: bool, ranks: int = 1) -> None:
    """Let stderr say that kernels are being compiled, here or by another process.

    One line says so; on a terminal another one says which kernel, for how long, and how long it
    took the last time. This holds until the command ends; ``quiet`` commands say nothing.
    """
    from particleflow.backend import compile_notice, when_compiling

    if quiet:
        return
    notices = [compile_notice(ranks)]
    waiting = "another process compiles a kernel that is needed here: waiting for it"
    line = _CompilingLine()

    def tell() -> None:
        while notices:
            click.echo(notices.pop(), err=True)

    def begin(compiling: "Compiling") -> None:
        tell()
        line.begin(compiling)

    when_compiling(begin, line.end, tell if ranks > 1 else lambda: click.echo(waiting, err=True))
    click.get_current_context().call_on_close(lambda: when_compiling(None, None, None))


class _CompilingLine:
    """The last line of a terminal while a kernel is being compiled, if that takes a second."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._over: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def begin(self, compiling: "Compiling") -> None:
        if not self._is_terminal:
            return
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._count, args=(compiling, self._over), daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        if self._over is not None and self._thread is not None:
            self._over.set()
            self._thread.join()
            self._over = self._thread = None

    @staticmethod
    def _count(compiling: "Compiling", over: threading.Event) -> None:
        kernel, last_time = compiling
        known = "" if last_time is None else f", {last_time:.0f} s the last time"
        begin, shown = time.monotonic(), False
        while not over.wait(1.0):
            seconds = time.monotonic() - begin
            click.echo(f"\r{_ERASE}compiling {kernel}: {seconds:.0f} s{known}", err=True, nl=False)
            shown = True
        if shown:
            click.echo(f"\r{_ERASE}", err=True, nl=False)


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
    if not isinstance(value, list):
        return str(value)
    words = list(map(str, value))
    return ("; " if any(", " in word for word in words) else ", ").join(words)


def samples_options(overrides: tuple[str, ...]) -> dict[str, Any]:
    """Options of ``Samples.from_file`` from settings, each ``samples.key=value``.

    Raises
    ------
    ConfigError
        A setting is none that says how a file of samples is read.
    """
    from particleflow.config import OF_FILES, settings_of
    from particleflow.errors import ConfigError

    options = {}
    for name, value in settings_of(overrides).items():
        section, _, key = name.partition(".")
        if section != "samples" or key not in OF_FILES:
            keys = ", ".join(f"samples.{key}" for key in OF_FILES)
            raise ConfigError(f"--set: expected one of {keys}, found {name}")
        is_one = key == "missing_values" and not isinstance(value, list)
        options[key] = [value] if is_one else value
    return options


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
