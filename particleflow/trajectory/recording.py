"""Recording into an open trajectory file: what is written next, when, and the checkpoints."""

import queue
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow.backend import Frame
from particleflow.errors import TrajectoryError
from particleflow.run.observed import Observed

from . import checkpoint, create, skeleton
from .fidelity import ALLOWED, stored_error
from .parts import Parts
from .rank_files import RankFiles
from .schema import DELTA_FACTOR, PARTICLES
from .skeleton import Plan
from .writer_thread import Batch

FLUSH_SECONDS = 0.2
"""Seconds between two batches that go to the file.

HDF5 takes some 50 microseconds for a write, of one number or of thousands (bench/NOTES.md).
"""
_LOOK_SECONDS = 0.05
"""Seconds between two checks of the file and its thread."""
_SMALL_FRAME = 1 << 18
"""Bytes of positions up to which frames are copied, so that several are written together."""
_MOST_BYTES = 1 << 24
"""Bytes of rows after which they go to the file at once."""


class Stand(NamedTuple):
    """What a file has room for, and how far its recording has come.

    Attributes
    ----------
    plan : Plan
        What the file has room for.
    values : list of array
        A value of each quantity of the plan, for shapes and dtypes.
    position : tuple of int
        Frames and observable times that the file holds already.
    start : dict of arrays
        What checkpoints need of the state in which the run began.
    """

    plan: Plan
    values: list[np.ndarray]
    position: tuple[int, int]
    start: dict[str, np.ndarray]


class Recording:
    """An open file into which a simulation is being recorded; its methods are collective.

    Parameters
    ----------
    path : Path
        The file, which ``skeleton.fill`` has laid out.
    parts : Parts or None
        The parts in which the neurons are; None if they are in the file itself.
    sim : Observed
    stand : Stand
    buffers : list of Frame
        Memory for frames that wait for the disk.
    every : float or None
        Seconds between checkpoints; None for no checkpoints.

    Attributes
    ----------
    notes : list of str
        What a user should know of the file.

    Raises
    ------
    TrajectoryError
        Another process writes the file, or the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        parts: Parts | None,
        sim: Observed,
        stand: Stand,
        buffers: list[Frame],
        every: float | None,
    ) -> None:
        plan, values, position, self._start = stand
        self._path, self._sim, self._plan = path, sim, plan
        self._frame, self._observed = position
        self._shapes = [value.shape for value in values]
        self._kinds = [value.dtype for value in values]
        self._at_frames = [
            skeleton.is_recorded_at_frames(q, v)
            for q, v in zip(plan.quantities, values, strict=True)
        ]
        self._free: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._every, self._saved_at = every, time.monotonic()
        self._ended = False
        self._names = [f"observables/{quantity.path}/value" for quantity in plan.quantities]
        self._frame_times, self._observed_times = plan.frames.tolist(), plan.observables.tolist()
        self._copies = sim.device == "cpu" and buffers[0].position.nbytes <= _SMALL_FRAME
        self._once, self._own = Batch(), Batch()
        self._due = self._look_at = time.monotonic()
        self._files = RankFiles.of(path, parts, sim.ranks, position)
        self.notes = self._files.notes

    def record(self, last: bool) -> None:
        """Record the present state; ``last`` as in `TrajectoryWriter.record`."""
        now, step = self._sim.time, self._sim.step
        plan, once = self._plan, self._once
        is_frame = last or _is_next(self._frame_times, self._frame, now)
        is_observed = last or _is_next(self._observed_times, self._observed, now)
        if is_observed:
            _stamp(once, "observables", self._observed, step, now)
        for k, quantity in enumerate(plan.quantities):
            if self._at_frames[k]:
                if is_frame:
                    once.add(self._names[k], self._frame, self._value(k))
            elif is_observed and self._observed % quantity.every == 0:
                index = self._observed // quantity.every
                once.add(self._names[k], index, self._value(k))
                if quantity.every > 1:
                    _stamp(once, f"observables/{quantity.path}", index, step, now)
        if is_frame:
            _stamp(once, f"{PARTICLES}/position", self._frame, step, now)
            if self._sim.decay > 0.0:
                factor = self._sim.state.delta_factor
                once.add(f"{PARTICLES}/{DELTA_FACTOR}/value", self._frame, factor)
        is_last = is_frame and (last or self._frame + 1 == len(self._frame_times))
        compares = is_last and plan.neurons == self._sim.size and plan.precision == np.float32
        # quantities were evaluated outside of this: they call what is collective themselves
        stored = self._sim.ranks.together(lambda: self._add_own(is_frame, is_observed, compares))
        if compares and stored is not None:
            self._compare(*stored)
        self._ended = last

    def _compare(self, position: np.ndarray, cell: np.ndarray) -> None:
        """Add a note if the function of the last frame, as stored, is not that of the run."""
        error = stored_error(self._sim, position, cell)
        if not error <= ALLOWED:
            self.notes.append(
                f"{self._path}: f of the last frame, stored in float32, differs by {error:.2g} of "
                'the spread of y from the run; output.precision = "float64" carries it'
            )

    def _add_own(
        self, is_frame: bool, is_observed: bool, is_read: bool
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Add this rank's neurons of a frame, and hand on a batch that is large or due.

        Returns (rhat, theta) and cells as stored, which may be read until another frame is recorded
        if ``is_read``; None if no frame is.
        """
        stored = None
        if is_frame:
            buffer, own = self._packed(), self._own
            position, cells = buffer.position, buffer.cells
            if self._copies or is_read:
                buffer.wait()
            if self._copies:
                position, cells = position.copy(), cells.copy()
                self._free.put(buffer)
            else:
                own.buffers.append((buffer, self._free))
            stored = position, cells
            own.add(f"{PARTICLES}/position/value", self._frame, position)
            own.add(f"{PARTICLES}/cell/value", self._frame, cells)
            self._frame += 1
        self._observed += is_observed
        is_large = bool(self._own.buffers) or self._once.bytes + self._own.bytes > _MOST_BYTES
        if is_large or time.monotonic() >= self._due:
            self._hand_on()
        return stored

    def _hand_on(self) -> None:
        """Put what was collected on the queues of the threads, and begin new batches."""
        self._due = time.monotonic() + FLUSH_SECONDS
        once, own = self._once, self._own
        self._once, self._own = Batch(), Batch()
        if once.rows or own.rows:
            for batch in (once, own):
                batch.frames, batch.observed = self._frame, self._observed
            self._files.put(once, own)

    def _value(self, k: int) -> Any:
        """The present value of a quantity, whose shape must not have changed."""
        quantity = self._plan.quantities[k]
        # built-in ones return a new array each time; one of users may change it later
        if quantity.group != "user":
            return quantity.evaluate()
        value = skeleton.evaluate(quantity)
        if value.shape != self._shapes[k]:
            raise TrajectoryError(
                f"observable {quantity.name}: expected the shape {self._shapes[k]} of its first "
                f"value, found {value.shape}"
            )
        return value

    def _packed(self) -> Frame:
        """The present frame in a free buffer, for which it waits if the disk is slow."""
        while True:
            self._files.check()
            try:
                buffer = self._free.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        self._sim.state.pack_frame(buffer)
        return buffer

    def pause(self, now: bool) -> None:
        """Look after the file, and write a checkpoint if one is due or ``now`` is true."""
        clock, every = time.monotonic(), self._every
        is_due = every is not None and (now or clock - self._saved_at >= every)
        rests = not (now or is_due) and clock < min(self._due, self._look_at)
        # several ranks always go on: their clocks differ, and what follows is collective
        if rests and self._sim.ranks.size == 1:
            return
        self._look_at = clock + _LOOK_SECONDS
        problem = None
        try:
            if is_due or now or clock >= self._due:
                self._hand_on()
        except Exception as found:  # `look_after` raises it on all ranks
            problem = found
        if self._files.look_after(is_due, problem):
            self._sim.ranks.together(self._hand_on)
            run = self._files.sync()
            checkpoint.save(self._path, run, self._arrays(), self._sim.ranks)
            self._sim.ranks.together(self._files.note_checkpoint)
            self._saved_at = time.monotonic()

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays of a checkpoint of the present state."""
        position = np.array([self._frame, self._observed, self._ended])
        reached = np.array([self._sim.time, self._sim.step])
        return {**self._sim.snapshot(), **self._start, "position": position, "reached": reached}

    def close(self) -> None:
        """Wait until everything is written and close the file, shortened if the run has ended."""
        try:
            self._hand_on()
        finally:
            self._files.close()
        if self._ended:
            self._shorten()

    def end(self) -> None:
        """Say that a run without a given end has ended here, so that `close` shortens the file."""
        self._ended = True

    def _shorten(self) -> None:
        """Make the file anew without the frames and observable times that the run did not reach."""
        plan = replace(
            self._plan,
            frames=self._plan.frames[: self._frame],
            observables=self._plan.observables[: self._observed],
        )
        # only shapes and dtypes of these values count
        values = [
            np.zeros(shape, kind) for shape, kind in zip(self._shapes, self._kinds, strict=True)
        ]
        create.remake(self._path, self._sim, plan, values, (self._frame, self._observed))


def _is_next(times: list[float], index: int, now: float) -> bool:
    return index < len(times) and times[index] == now


def _stamp(batch: Batch, group: str, index: int, step: int, time: float) -> None:
    batch.add(f"{group}/step", index, step)
    batch.add(f"{group}/time", index, time)
