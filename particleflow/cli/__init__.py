"""The command line: a thin layer over the Python interface.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

import signal
import sys
import warnings
from contextlib import suppress

import click

from particleflow._version import __version__
from particleflow.errors import ParticleflowError
from particleflow.ranks.launcher import is_launched

from . import beginning, converting, limiting, looking, running, sweeping, viewing
from .exits import exit_code, stop, talks

_OF_MANY_RANKS = ("run", "resume", "sweep", "limit")
"""Names of the commands that all ranks carry out; rank 0 carries out all others by itself."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="particleflow")
@click.pass_context
def cli(context: click.Context) -> None:
    """Simulate the training of shallow ReLU networks as a system of particles."""
    if context.invoked_subcommand not in _OF_MANY_RANKS and is_launched():
        if not talks():
            context.exit()
        from particleflow.ranks.world import ALONE, use

        use(ALONE)


for command in (
    beginning.init,
    running.run,
    running.resume,
    sweeping.sweep,
    limiting.limit,
    looking.info,
    looking.plot,
    viewing.view,
    looking.figures,
    converting.export,
    converting.repack,
    looking.doctor,
):
    cli.add_command(command)


def main() -> None:
    """Entry point: every failure is one line on stderr and an exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # a signal that a parent had ignored, as by the shell's `trap '' INT`, stays so
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    if not sys.warnoptions:  # warnings of libraries are no news to users, unless `python -W` asks
        warnings.simplefilter("ignore")
    sys.exit(exit_code(_main))


def _main() -> int:
    """Carry out the command; a failure of one rank alone ends all ranks."""
    try:
        return int(cli(standalone_mode=False, prog_name="particleflow") or 0)
    except BaseException as problem:
        if is_launched():
            from particleflow.ranks.world import failed, ranks_of

            with suppress(ParticleflowError):
                # the others may wait in `ranks_of`, which is collective, for this rank to join them
                ranks_of()
            failed(problem)
        raise
