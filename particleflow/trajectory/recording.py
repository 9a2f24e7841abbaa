"""An open trajectory file: the place reached in it, the threads that write it, its checkpoints."""

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
from .schema import PARTICLES
from .skeleton import Plan
from .writer_thread import Batch

FLUSH_SECONDS = 0.2
"""Time after which what is recorded is handed on, and brought to the file."""
_LOOK_SECONDS = 0.05
"""Time between two looks at the file and its thread."""
_SMALL_FRAME = 1 << 18
"""Bytes of positions of a frame up to which several are collected, and written together."""
_MOST_BYTES = 1 << 24
"""Bytes that are collected at most."""


class Stand(NamedTuple):
    """Where the recording of a run stands.

    Attributes
    ----------
    plan : Plan
        What the file has room for.
    values : list of array
        A value of each quantity, for shapes and dtypes.
    position : tuple of int
        Frames and observable times that are there already.
    start : dict of arrays
        What checkpoints need of the state in which the run began.
    """

    plan: Plan
    values: list[np.ndarray]
    position: tuple[int, int]
    start: dict[str, np.ndarray]


class Recording:
    """A file that a simulation is being recorded in; what it does is collective.

    Parameters
    ----------
    path : Path
        Exists, laid out by ``skeleton.fill``.
    parts : Parts or None
        Where the neurons are, if not in it.
    sim : Observed
    stand : Stand
    buffers : list of Frame
    every : float or None
        Seconds between checkpoints; None: no checkpoints.

    Attributes
    ----------
    notes : list of str
        What a user should know of the file.

    Raises
    ------
    TrajectoryError
        Another process writes the file, or it cannot be written.
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
        """Put the present state on its way to the file; see `TrajectoryWriter.record`."""
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
        is_last = is_frame and (last or self._frame + 1 == len(self._frame_times))
        compares = is_last and plan.neurons == self._sim.size and plan.precision == np.float32
        stored = self._sim.ranks.together(
            lambda: self._add_own(is_frame, is_observed, copies=self._copies or compares)
        )
        if compares and stored is not None:
            self._compare(*stored)
        self._ended = last

    def _compare(self, position: np.ndarray, cell: np.ndarray) -> None:
        """Note it if the last frame, as stored, is another function than the run has."""
        error = stored_error(self._sim, position, cell)
        if not error <= ALLOWED:
            self.notes.append(
                f"{self._path}: f of the last frame, stored in float32, differs by {error:.2g} of "
                'the spread of y from the run; output.precision = "float64" carries it'
            )

    def _add_own(
        self, is_frame: bool, is_observed: bool, copies: bool
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Add this rank's neurons, which are returned, and hand on what has come together."""
        stored = None
        if is_frame:
            buffer, own = self._packed(), self._own
            position, cells = buffer.position, buffer.cells
            if copies:
                buffer.wait()
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
        """Give what has been recorded to the threads."""
        self._due = time.monotonic() + FLUSH_SECONDS
        once, own = self._once, self._own
        self._once, self._own = Batch(), Batch()
        if once.rows or own.rows:
            for batch in (once, own):
                batch.frames, batch.observed = self._frame, self._observed
            self._files.put(once, own)

    def _value(self, k: int) -> Any:
        quantity = self._plan.quantities[k]
        if quantity.group != "user":  # a number, or an array of its own
            return quantity.evaluate()
        value = skeleton.evaluate(quantity)
        if value.shape != self._shapes[k]:
            raise TrajectoryError(
                f"observable {quantity.name}: expected the shape {self._shapes[k]} of its first "
                f"value, found {value.shape}"
            )
        return value

    def _packed(self) -> Frame:
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
        """Look after the file, and write a checkpoint where one is due, or ``now``."""
        clock, every = time.monotonic(), self._every
        is_due = every is not None and (now or clock - self._saved_at >= every)
        rests = not (now or is_due) and clock < min(self._due, self._look_at)
        if rests and self._sim.ranks.size == 1:
            return
        self._look_at = clock + _LOOK_SECONDS
        problem = None
        try:
            if is_due or now or clock >= self._due:
                self._hand_on()
        except Exception as found:  # all ranks are told
            problem = found
        if self._files.look_after(is_due, problem):
            self._sim.ranks.together(self._hand_on)
            run = self._files.sync()
            checkpoint.save(self._path, run, self._arrays(), self._sim.ranks)
            self._sim.ranks.together(self._files.note_checkpoint)
            self._saved_at = time.monotonic()

    def _arrays(self) -> dict[str, np.ndarray]:
        position = np.array([self._frame, self._observed, self._ended])
        reached = np.array([self._sim.time, self._sim.step])
        return {**self._sim.snapshot(), **self._start, "position": position, "reached": reached}

    def close(self) -> None:
        """Wait until everything is written and close the file."""
        try:
            self._hand_on()
        finally:
            self._files.close()
        if self._ended:
            self._shorten()

    def end(self) -> None:
        """The run has ended where the file stands; for one without an end of its own."""
        self._ended = True

    def _shorten(self) -> None:
        """Leave out the frames and observable times that the run did not come to."""
        plan = replace(
            self._plan,
            frames=self._plan.frames[: self._frame],
            observables=self._plan.observables[: self._observed],
        )
        values = [
            np.zeros(shape, kind) for shape, kind in zip(self._shapes, self._kinds, strict=True)
        ]
        create.remake(self._path, self._sim, plan, values, (self._frame, self._observed))


def _is_next(times: list[float], index: int, now: float) -> bool:
    return index < len(times) and times[index] == now


def _stamp(batch: Batch, group: str, index: int, step: int, time: float) -> None:
    batch.add(f"{group}/step", index, step)
    batch.add(f"{group}/time", index, time)
