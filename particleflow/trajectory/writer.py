"""Writing trajectories: what to record when."""

import math
import queue
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import h5py
import numpy as np
from numpy.typing import ArrayLike

from particleflow import _cast
from particleflow._cast import Array, PathLike
from particleflow.backend import Frame
from particleflow.errors import TrajectoryError
from particleflow.observables import DEFAULT, Quantity, build, check_names
from particleflow.stopping import LAST

from . import contents, layout
from .contents import Plan
from .pipeline import Batch, WriterThread
from .schema import PARTICLES

if TYPE_CHECKING:
    from particleflow.simulation import Simulation

Spacing = Literal["linear", "geometric"]
Precision = Literal["float32", "float64"]

MOST_FRAMES = 1_000_000
FINER = 10
"""Observable times between two frames, by default."""
_BUFFERS = 2


def frame_times(start: float, end: float, frames: int, spacing: Spacing, first: float) -> Array:
    """Times of the frames: linear, or the start and from ``start + first`` geometric; (frames,).

    For a run without an end the last one is infinite, and the others go to the latest end.
    """
    if end == math.inf:
        if frames < 3:
            raise TrajectoryError(f"frames: expected at least 3 without an end, found {frames}")
        finite = frame_times(start, start + LAST, frames - 1, "geometric", first)
        return np.append(finite, math.inf)
    if spacing == "linear" or frames == 2:
        return np.linspace(start, end, frames)
    if first >= end - start:
        raise TrajectoryError(f"first: expected a time below {end - start:g}, found {first:g}")
    steps = np.geomspace(first, end - start, frames - 1)
    return np.concatenate(([start], start + steps))


def finer_times(times: Array) -> Array:
    """`FINER` equal parts of every interval, the times themselves included to the bit."""
    if times[-1] == math.inf:
        return np.append(finer_times(times[:-1]), math.inf)
    parts = np.arange(FINER) / FINER
    inner = times[:-1, None] + np.diff(times)[:, None] * parts
    return np.append(inner.ravel(), times[-1])


class TrajectoryWriter:
    """Records a run in an H5MD file (see ``trajectory.schema``).

    Parameters
    ----------
    path : path
        The file to make, when the run begins; its folder must exist.
    frames : int
        Frames of all neurons, 2 to 1,000,000: the start and the end of the run are two of them.
    spacing : {"linear", "geometric"}
        Of the frames in time.
    times : array_like, optional
        The frames' times instead; ascending, the run's start first.
    neurons : "all" or int
        How many neurons to record: an evenly spread subset.
    precision : {"float32", "float64"}
        Of the positions.
    observables : sequence of str
        See ``particleflow.observables.BUILT_IN``.
    observable_times : array_like, optional
        Ten equal parts of the time between frames by default. Observables whose first axis
        is longer than 256 are recorded with the frames. Each is evaluated once more when the file
        is made, for its shape.
    overwrite : bool
        Whether an existing file may be replaced.
    first : float
        Time after the start of the second frame, for geometric spacing.

    Notes
    -----
    With gradient descent times are rounded to whole steps, and several that fall on one step are
    one. A run without an end has at most ``frames`` frames, geometric in time, the last at its end;
    the file is shortened to those when it closes. A run can be recorded once; go on with a new
    writer.

    Raises
    ------
    TrajectoryError
        An argument is not one of the choices.
    """

    def __init__(
        self,
        path: PathLike,
        frames: int = 201,
        spacing: Spacing = "linear",
        times: ArrayLike | None = None,
        neurons: Literal["all"] | int = "all",
        precision: Precision = "float32",
        observables: tuple[str, ...] | list[str] = DEFAULT,
        observable_times: ArrayLike | None = None,
        overwrite: bool = False,
        first: float = 1e-3,
    ) -> None:
        self.path = Path(path)
        self.frames = _cast.count("frames", frames, TrajectoryError, least=2, most=MOST_FRAMES)
        self.spacing: Spacing = _choice("spacing", spacing, get_args(Spacing))
        self.precision: Precision = _choice("precision", precision, get_args(Precision))
        self.neurons = neurons
        if neurons != "all":
            self.neurons = _cast.count("neurons", neurons, TrajectoryError)
        self.observables = check_names(tuple(observables))
        self.times = _ascending("times", times)
        self.observable_times = _ascending("observable_times", observable_times)
        self.overwrite = overwrite
        self.first = _cast.positive("first", first, TrajectoryError)
        self._recording: _Recording | None = None
        self._has_recorded = False
        layout.check_target(self.path, overwrite)

    def open(self, sim: "Simulation", until: float) -> Array:
        """Make the file for a run to ``until``; returns all times at which to record."""
        if self._has_recorded:
            raise TrajectoryError(
                f"{self.path}: has recorded a run; take a new TrajectoryWriter to go on"
            )
        times = self.times
        if times is None:
            times = frame_times(sim.time, until, self.frames, self.spacing, self.first)
        elif until == math.inf:
            times = np.append(times, until)
        finer = self.observable_times
        if finer is None:
            finer = finer_times(times)
        elif until == math.inf:
            finer = np.append(finer, until)
        for name, array in (("times", times), ("observable_times", finer)):
            if array[0] < sim.time or array[-1] > until * (1 + 1e-12):
                raise TrajectoryError(
                    f"{name}: expected times from {sim.time:g} to {until:g}, "
                    f"found {array[0]:g} to {array[-1]:g}"
                )
        m = sim.size
        n = m if self.neurons == "all" else int(self.neurons)
        if n > m:
            raise TrajectoryError(f"neurons: expected at most {m} or 'all', found {n}")
        plan = Plan(
            frames=_reachable(sim, times),
            observables=_reachable(sim, finer),
            neurons=n,
            precision=np.dtype(self.precision),
            quantities=[*build(self.observables, sim), *sim.observables],
        )
        self._recording = _Recording(self.path, self.overwrite, sim, plan)
        self._has_recorded = True
        return plan.all_times

    def record(self, last: bool = False) -> None:
        """Record the present state, as the times that `open` returned ask for, or as the last."""
        if self._recording is None:
            raise TrajectoryError(f"{self.path}: is not open")
        self._recording.record(last)

    def close(self) -> None:
        """Wait until everything is written and close the file.

        Raises
        ------
        WriteError
            Something could not be written.
        """
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()


def _reachable(sim: "Simulation", times: Array) -> Array:
    """The times that the simulation can show, and infinity, which is the end of the run."""
    finite = sim.reachable(times[np.isfinite(times)])
    return np.append(finite, times[times == math.inf])


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise TrajectoryError(f"{name}: expected one of {', '.join(choices)}, found {value!r}")
    return value


def _ascending(name: str, times: ArrayLike | None) -> Array | None:
    if times is None:
        return None
    array = _cast.vector(name, times, TrajectoryError)
    if array.size == 0 or (np.diff(array) <= 0).any():
        raise TrajectoryError(f"{name}: expected ascending times")
    return array


class _Recording:
    """An open file, the place reached in it, and the thread that writes it."""

    def __init__(self, path: Path, overwrite: bool, sim: "Simulation", plan: Plan) -> None:
        self._path, self._sim, self._plan = path, sim, plan
        self._frame = self._observed = 0
        values = [_evaluate(quantity) for quantity in plan.quantities]
        self._shapes = [value.shape for value in values]
        self._kinds = [value.dtype for value in values]
        self._ended = False
        self._at_frames = [
            contents.is_recorded_at_frames(q, v)
            for q, v in zip(plan.quantities, values, strict=True)
        ]
        # before the file is made: where memory does not suffice, nothing has been written
        self._free: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(sim.state.new_frame(plan.neurons, plan.precision))
        self._file = layout.create(
            path, overwrite, lambda file: contents.fill(file, sim, plan, values)
        )
        self._thread = WriterThread(self._file, path)

    def record(self, last: bool) -> None:
        now = self._sim.time
        plan = self._plan
        is_frame = last or _is_next(plan.frames, self._frame, now)
        is_observed = last or _is_next(plan.observables, self._observed, now)
        self._ended = last
        writes: list[tuple[str, int, Any]] = []
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
        buffer = None
        if is_frame:
            base = f"{PARTICLES}/position"
            writes += self._stamp(f"{base}/step", f"{base}/time", self._frame)
            buffer = self._packed()
            writes.append((f"{base}/value", self._frame, buffer.position))
            writes.append((f"{PARTICLES}/cell/value", self._frame, buffer.cells))
            self._frame += 1
        self._observed += is_observed
        self._thread.put(Batch(writes, self._frame, self._observed, buffer, self._free))

    def _stamp(self, step: str, time: str, index: int) -> list[tuple[str, int, Any]]:
        return [(step, index, self._sim.step), (time, index, self._sim.time)]

    def _value(self, k: int, index: int) -> tuple[str, int, Any]:
        quantity = self._plan.quantities[k]
        value = _evaluate(quantity)
        if value.shape != self._shapes[k]:
            raise TrajectoryError(
                f"observable {quantity.name}: expected the shape {self._shapes[k]} of its first "
                f"value, found {value.shape}"
            )
        return f"observables/{quantity.path}/value", index, value

    def _packed(self) -> Frame:
        while True:
            self._thread.check()
            try:
                buffer = self._free.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        self._sim.state.pack_frame(buffer)
        return buffer

    def close(self) -> None:
        try:
            self._thread.finish()
        finally:
            self._file.close()
        if self._ended:
            self._shorten()

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

        def fill(file: h5py.File) -> None:
            contents.fill(file, self._sim, plan, values)
            with h5py.File(self._path, "r") as whole:
                layout.copy_beginnings(whole, file)

        layout.create(self._path, True, fill).close()


def _is_next(times: Array, index: int, now: float) -> bool:
    return index < times.size and bool(times[index] == now)


def _evaluate(quantity: Quantity) -> np.ndarray:
    """The present value; what users add is float64, since a first value may be a whole number."""
    value = np.array(quantity.evaluate())
    if value.dtype.kind not in "biuf":
        raise TrajectoryError(f"observable {quantity.name}: expected numbers, found {value.dtype}")
    return value.astype(np.float64) if quantity.group == "user" else value
