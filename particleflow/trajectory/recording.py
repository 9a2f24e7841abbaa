"""An open trajectory file: the place reached in it, the threads that write it, its checkpoints."""

import queue
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from particleflow._cast import Array
from particleflow.backend import Frame
from particleflow.errors import TrajectoryError

from . import checkpoint, contents, making
from .contents import Plan
from .parts import Parts
from .pipeline import Batch
from .schema import PARTICLES
from .target import Target

if TYPE_CHECKING:
    from particleflow.simulation import Simulation


class Recording:
    """A file that a simulation is being recorded in; what it does is collective.

    Parameters
    ----------
    path : Path
        Exists, laid out by ``contents.fill``.
    parts : Parts or None
        Where the neurons are, if not in it.
    sim : Simulation
    plan : Plan
        What the file has room for.
    values : list of array
        A value of each quantity, for shapes and dtypes.
    position : tuple of int
        Frames and observable times that are there already.
    buffers : list of Frame
    every : float or None
        Seconds between checkpoints; None: no checkpoints.
    start : dict of arrays
        What checkpoints need of the state in which the run began.

    Raises
    ------
    TrajectoryError
        Another process writes the file, or it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        parts: Parts | None,
        sim: "Simulation",
        plan: Plan,
        values: list[np.ndarray],
        position: tuple[int, int],
        buffers: list[Frame],
        every: float | None,
        start: dict[str, np.ndarray],
    ) -> None:
        self._path, self._sim, self._plan = path, sim, plan
        self._frame, self._observed = position
        self._shapes = [value.shape for value in values]
        self._kinds = [value.dtype for value in values]
        self._at_frames = [
            contents.is_recorded_at_frames(q, v)
            for q, v in zip(plan.quantities, values, strict=True)
        ]
        self._free: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._every, self._saved_at = every, time.monotonic()
        self._start = start
        self._ended = False
        self._target = Target.of(path, parts, sim.ranks, position)

    def record(self, last: bool) -> None:
        """Put the present state on its way to the file; see `TrajectoryWriter.record`."""
        now = self._sim.time
        plan = self._plan
        is_frame = last or _is_next(plan.frames, self._frame, now)
        is_observed = last or _is_next(plan.observables, self._observed, now)
        writes: list[tuple[str, Any, Any]] = []
        if is_observed:
            writes += self._stamp("observables/step", "observables/time", self._observed)
        for k, quantity in enumerate(plan.quantities):
            if self._at_frames[k]:
                if is_frame:
                    writes.append(self._value(k, self._frame))
            elif is_observed and self._observed % quantity.every == 0:
                index = self._observed // quantity.every
                writes.append(self._value(k, index))
                if quantity.every > 1:
                    base = f"observables/{quantity.path}"
                    writes += self._stamp(f"{base}/step", f"{base}/time", index)
        if is_frame:
            base = f"{PARTICLES}/position"
            writes += self._stamp(f"{base}/step", f"{base}/time", self._frame)
        self._sim.ranks.together(lambda: self._pass_on(writes, is_frame, is_observed))
        self._ended = last

    def _pass_on(
        self, writes: list[tuple[str, Any, Any]], is_frame: bool, is_observed: bool
    ) -> None:
        """Give what is written once, and this rank's neurons, to the threads."""
        rows: list[tuple[str, Any, Any]] = []
        buffer = None
        if is_frame:
            buffer = self._packed()
            rows.append((f"{PARTICLES}/position/value", self._frame, buffer.position))
            rows.append((f"{PARTICLES}/cell/value", self._frame, buffer.cells))
            self._frame += 1
        self._observed += is_observed
        position = self._frame, self._observed
        self._target.put(Batch(writes, *position), Batch(rows, *position, buffer, self._free))

    def _stamp(self, step: str, time: str, index: int) -> list[tuple[str, Any, Any]]:
        return [(step, index, self._sim.step), (time, index, self._sim.time)]

    def _value(self, k: int, index: int) -> tuple[str, Any, Any]:
        quantity = self._plan.quantities[k]
        value = contents.evaluate(quantity)
        if value.shape != self._shapes[k]:
            raise TrajectoryError(
                f"observable {quantity.name}: expected the shape {self._shapes[k]} of its first "
                f"value, found {value.shape}"
            )
        return f"observables/{quantity.path}/value", index, value

    def _packed(self) -> Frame:
        while True:
            self._target.check()
            try:
                buffer = self._free.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        self._sim.state.pack_frame(buffer)
        return buffer

    def pause(self, now: bool) -> None:
        """Look after the file, and write a checkpoint where one is due, or ``now``."""
        every = self._every
        is_due = every is not None and (now or time.monotonic() - self._saved_at >= every)
        if self._target.look_after(is_due):
            run = self._target.settle()
            checkpoint.save(self._path, run, self._arrays(), self._sim.ranks)
            self._saved_at = time.monotonic()

    def _arrays(self) -> dict[str, np.ndarray]:
        position = np.array([self._frame, self._observed, self._ended])
        return {**self._sim.snapshot(), **self._start, "position": position}

    def close(self) -> None:
        """Wait until everything is written and close the file."""
        self._target.close()
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
        making.remake(self._path, self._sim, plan, values, (self._frame, self._observed))


def _is_next(times: Array, index: int, now: float) -> bool:
    return index < times.size and bool(times[index] == now)
