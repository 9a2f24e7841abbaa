"""A bar that shows how far a run is, in a terminal or a notebook."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from particleflow.backend import when_compiling

from .observed import Observed

Show = Callable[[Any], None]
"""Called with the simulation about ten times a second, and after each recorded time."""
_SECONDS, _SECONDS_IN_A_LOG = 0.1, 60.0


@contextmanager
def shown(progress: "Show | bool | None", sim: Observed, end: float) -> Iterator[Show | None]:
    """What shows the progress of a run from here to the time ``end``.

    ``progress`` is a function of the user, which is returned as it is, or True for a bar. The bar
    is full only if the run comes to its end, or its loss settles: where it fails or is interrupted
    it stays where it was, and in a notebook turns red. Of many ranks the first one shows it.
    """
    if not isinstance(progress, bool):
        yield progress
    elif not progress or not sim.ranks.is_first:
        yield None
    else:
        from tqdm.auto import tqdm

        has_end = end < math.inf
        span = end - sim.time if has_end else None
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        with tqdm(
            total=span, bar_format=form if has_end else "{desc} {elapsed}{postfix}",
            mininterval=_SECONDS if _is_watched() else _SECONDS_IN_A_LOG,
        ) as bar:  # fmt: skip
            show = _Bar(bar, sim.time)
            show(sim)
            when_compiling(lambda _: show.say("compiling the kernels"), None, None)
            try:
                yield show
            except BaseException:
                show.fail()
                raise
            finally:
                when_compiling(None, None, None)
            show.finish(sim, span)


def _is_watched() -> bool:
    """Whether somebody sees the bar move: in a terminal or a notebook, and not in a log."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class _Bar:
    """Moves a bar of tqdm to where a simulation is."""

    def __init__(self, bar: Any, begin: float) -> None:
        self._bar, self._begin, self._due = bar, begin, 0.0

    def __call__(self, sim: Observed) -> None:
        """Show the simulation as it is, at most ten times a second."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _SECONDS
            self._tell(sim)
            self._bar.update(sim.time - self._begin - self._bar.n)

    def say(self, what: str) -> None:
        """Show what the run is busy with, in place of its time."""
        self._bar.set_description_str(what, refresh=True)

    def fail(self) -> None:
        """Show in a notebook that the run has not come to its end; a terminal shows the error."""
        if hasattr(self._bar, "disp"):
            self._bar.disp(bar_style="danger")

    def finish(self, sim: Observed, span: float | None) -> None:
        """Show the end of a run that has come to it: a full bar, whatever was rounded; notes."""
        self._tell(sim, ", ended by itself" if span is None else "")
        self._bar.n = sim.time - self._begin if span is None else span
        self._bar.refresh()
        for note in sim.notes:
            self._bar.write(f"note: {note}", file=sys.stderr)

    def _tell(self, sim: Observed, end: str = "") -> None:
        loss = sim.state.loss() + sim.samples.loss_within
        self._bar.set_description_str(f"tau = {sim.time:.4g}", refresh=False)
        self._bar.set_postfix_str(f"step {sim.step:,}, loss {loss:.3g}{end}", refresh=False)
