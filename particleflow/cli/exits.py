"""How a command ends: every failure is one line on stderr and an exit code."""

import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from particleflow.errors import IntegrationError, ParticleflowError, WriteError
from particleflow.ranks import launcher

EXIT_BAD_INPUT = 2
EXIT_RUN_FAILED = 3


class Stopped(BaseException):
    """A signal has asked the command to stop.

    This is no `Exception`, so that nothing on its way to the end of the command catches it.

    Parameters
    ----------
    number : int
        The number of the signal.
    file : Path, optional
        The trajectory of the run that was stopped.
    advice : str
        What to tell the user; by default it is found out from the file.
    """

    def __init__(self, number: int, file: Path | None = None, advice: str = "") -> None:
        super().__init__("interrupted")
        self.number, self.file, self.advice = number, file, advice
        self.exit_code = 128 + number


def stop(number: int, frame: Any) -> NoReturn:
    raise Stopped(number)


def talks() -> bool:
    """Whether this is the process that prints: rank 0, which speaks for all ranks."""
    return launcher.rank() == 0


def exit_code(command: Callable[[], int]) -> int:
    """Carry out a command and return its exit code; every failure is one line on stderr."""
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as problem:
        click.echo(problem.ctx.get_help())
        code = EXIT_BAD_INPUT
    except click.ClickException as problem:
        code = _fail(problem.format_message(), EXIT_BAD_INPUT)
    except (IntegrationError, WriteError) as problem:
        code = _fail(str(problem), EXIT_RUN_FAILED)
    except ParticleflowError as problem:
        code = _fail(str(problem), EXIT_BAD_INPUT)
    except MemoryError:
        names = "neurons.count, samples.count or output.frames"
        code = _fail(f"out of memory; lower {names}", EXIT_RUN_FAILED)
    except BrokenPipeError:  # whoever reads the output, as `head` does, has left: nothing to say
        code = EXIT_BAD_INPUT
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        code = _fail(f"{where}{problem.strerror or problem}", EXIT_BAD_INPUT)
    except Stopped as stopped:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C shall not cut off the message
        code = _fail(_farewell(stopped), 128 + stopped.number)
    except Exception as problem:
        code = _fail(f"{type(problem).__name__}: {problem} (a defect: please report it)",
                     EXIT_RUN_FAILED)  # fmt: skip
    return code


def _farewell(stopped: Stopped) -> str:
    """Say that the command was interrupted, and how to go on or what is left of its run."""
    file = stopped.file
    if stopped.advice:
        return f"interrupted; {stopped.advice}"
    if file is not None and file.with_name(f"{file.name}.ckpt").exists():
        return f"interrupted; 'particleflow resume {shlex.quote(str(file))}' goes on"
    return f"interrupted; {_kept(file)}"


def _kept(file: Path | None) -> str:
    """Say what an interrupted run without a checkpoint has left."""
    if file is None or not file.exists():
        return "nothing was recorded yet"
    from particleflow.trajectory import open_trajectory

    try:
        with open_trajectory(file) as trajectory:
            frames = trajectory.frames
    except ParticleflowError:
        return "nothing was recorded yet"
    if frames == 0:
        return f"{file} has no frame yet"
    return f"{file} keeps {frames} frame{'' if frames == 1 else 's'}"


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    if talks():
        click.echo(f"particleflow: {line}", err=True)
    return code
