"""The loop of a run: it integrates, lets writers record, and stops between two steps."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np

from particleflow.arguments import Array, brief
from particleflow.errors import IntegrationError, TrajectoryError
from particleflow.integrators import Motion

from .interruption import Interruption
from .observed import Observed
from .stopping import Moment, Settling


class Writer(Protocol):
    """Something that records a simulation at times of its own."""

    def open(self, sim: Observed, until: float) -> Array:
        """Get ready for a run to the time ``until``; returns the times at which to record.

        The loop calls `record` at the nearest times that the integrator can reach. ``until`` is
        infinite for a run that ends when its loss has settled.
        """
        ...

    def record(self, last: bool) -> None:
        """Record the simulation, which stands at one of the times that `open` returned.

        ``last`` says that a run without a fixed end ends here, which may be at any other time.
        """
        ...

    def pause(self, now: bool = False) -> None:
        """Do what is due while the simulation stands between two steps.

        The loop calls this about ten times a second and after each recorded time. ``now`` says that
        the run is about to stop, at its end or before.
        """
        ...

    def close(self) -> None:
        """Release what `open` has taken: the run has ended, by success or failure."""
        ...


class Loop:
    """A simulation on its way to the end of a run.

    Parameters
    ----------
    sim : Observed
    motion : Motion
        What moves the state of this simulation.
    writers : list
        Checked when the run begins.
    settling : Settling
        Says when the loss of a run without an end has settled.
    progress : callable or None
        Called with the simulation about ten times a second, and after each recorded time.
    """

    def __init__(
        self,
        sim: Observed,
        motion: Motion,
        writers: Sequence[object],
        settling: Settling,
        progress: Callable[[Any], None] | None,
    ) -> None:
        self._sim, self._motion, self._settling = sim, motion, settling
        self._writers, self._progress = writers, progress
        self._last = self._before = Moment(sim.time, sim.state.objective())

    @property
    def before(self) -> Moment | None:
        """The last pause of the run before its end; None if that was at tau = 0."""
        return self._before if self._before.time > 0.0 else None

    def run(self, end: float, ends: Array) -> bool:
        """Run to the last of the times ``ends``, or to the first at which the loss has settled.

        Only if ``end`` is infinite is the loss checked. Returns whether it has settled.
        """
        sim = self._sim
        opened: list[Writer] = []
        has_settled = False
        try:
            with Interruption() as interruption:
                due: list[Array] = []
                for writer in map(_checked, self._writers):
                    due.append(sim.reachable(writer.open(sim, end)))
                    opened.append(writer)
                # all times come from `reachable`, so that equal ones are equal to the bit
                targets = np.unique(np.concatenate([*due, ends]))
                is_due = [np.isin(targets, times).tolist() for times in due]
                may_end = np.isin(targets, ends).tolist()
                for k, target in enumerate(targets.tolist()):
                    while sim.time < target:
                        self._motion.advance(target)
                        if sim.time < target:
                            self._pause(opened, interruption)
                    has_settled = may_end[k] and self._has_settled(end)
                    is_last = has_settled or target == ends[-1]
                    early = is_last and end == math.inf
                    for writer, due_here in zip(opened, is_due, strict=True):
                        if early or due_here[k]:
                            writer.record(early)
                    self._pause(opened, interruption)
                    if is_last:
                        break
                for writer in opened:
                    writer.pause(now=True)
        except BaseException as problem:
            sim.ranks.failed(problem)  # from here on all ranks are on the same way out
            raise
        finally:
            _close_all(opened)
        return has_settled

    def _has_settled(self, end: float) -> bool:
        return end == math.inf and self._settling.has_settled(self._sim.state, self._sim.time)

    def _pause(self, writers: list[Writer], interruption: Interruption) -> None:
        """Let the progress function and the writers act between two steps, and signals end the run.

        Writers are told of a signal or a failed progress function, and pause, before it is raised.
        """
        if self._sim.time > self._last.time:
            now = Moment(self._sim.time, self._sim.state.objective())
            self._before, self._last = self._last, now
        problem: BaseException | None = None
        try:
            if self._progress is not None:
                self._progress(self._sim)
        except BaseException as found:
            problem = found
        number = interruption.noted
        if self._sim.ranks.size > 1:
            number, problem = self._agree(interruption, problem)
        for writer in writers:
            writer.pause(now=problem is not None or number > 0)
        if problem is not None:
            raise problem
        if number > 0:
            interruption.act(number)

    def _agree(
        self, interruption: Interruption, problem: BaseException | None
    ) -> tuple[int, BaseException | None]:
        """The signal that waits on any rank, and the problem of any rank; collective."""
        sim, number = self._sim, 0
        every = [(0, sim.step, sim.time)]
        try:
            # a signal that comes from here on waits for the next pause
            every = sim.ranks.agree((interruption.noted, sim.step, sim.time), problem)
            number = max(noted for noted, _, _ in every)
        except BaseException as found:
            problem = found
        if len({(step, time) for _, step, time in every}) > 1:
            raise IntegrationError(
                f"step {sim.step} (tau = {sim.time:g}): the ranks have come apart, as on machines "
                "of different kinds they may; use processors of one kind"
            )
        return number, problem


def _checked(writer: object) -> Writer:
    """The writer itself, if it has the methods of a `Writer`.

    Raises
    ------
    TrajectoryError
        The object is no writer, or a class instead of an instance.
    """
    if isinstance(writer, type) or not all(
        hasattr(writer, name) for name in ("open", "record", "pause", "close")
    ):
        raise TrajectoryError(f"writers: expected a TrajectoryWriter, found {brief(writer)}")
    return cast(Writer, writer)


def _close_all(writers: list[Writer]) -> None:
    """Close every writer, even if one of them fails; the first failure is raised."""
    if not writers:
        return
    try:
        writers[0].close()
    finally:
        _close_all(writers[1:])
