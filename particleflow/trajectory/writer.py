"""Writing trajectories: what to record when, and the thread that carries it to the disk."""

import os
import platform
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import h5py
import numpy as np
from numpy.typing import ArrayLike

from particleflow import _cast
from particleflow._cast import Array, PathLike
from particleflow._version import __version__
from particleflow.errors import TrajectoryError, WriteError
from particleflow.observables import DEFAULT, Quantity, build, check_names

from . import layout
from .schema import PARTICLES, SCHEMA_VERSION, chunk_width

if TYPE_CHECKING:
    from particleflow.simulation import Simulation

Spacing = Literal["linear", "geometric"]
Precision = Literal["float32", "float64"]

FINER = 10
"""Observable times between two frames, by default."""
LARGE = 256
"""Arrays with a longer first axis are recorded at frames only."""
_BUFFERS = 2
_QUEUE_LENGTH = 256
_BATCH = 64


def frame_times(start: float, end: float, frames: int, spacing: Spacing, first: float) -> Array:
    """Times of the frames: linear, or the start and from ``start + first`` geometric; (frames,)."""
    if spacing == "linear" or frames == 2:
        return np.linspace(start, end, frames)
    if first >= end - start:
        raise TrajectoryError(f"first: expected a time below {end - start:g}, found {first:g}")
    steps = np.geomspace(first, end - start, frames - 1)
    return np.concatenate(([start], start + steps))


def finer_times(times: Array) -> Array:
    """`FINER` equal parts of every interval, the times themselves included to the bit."""
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
        Frames of all neurons, at least 2: the start and the end of the run are two of them.
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
    one. A run can be recorded once; go on with a new writer.

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
        self.frames = _cast.count("frames", frames, TrajectoryError, least=2)
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
        finer = finer_times(times) if self.observable_times is None else self.observable_times
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
            frames=sim.reachable(times),
            observables=sim.reachable(finer),
            neurons=n,
            precision=np.dtype(self.precision),
            quantities=[*build(self.observables, sim), *sim.observables],
        )
        self._recording = _Recording(self.path, self.overwrite, sim, plan)
        self._has_recorded = True
        return plan.all_times

    def record(self) -> None:
        """Record the present state, as the times that `open` returned ask for."""
        if self._recording is None:
            raise TrajectoryError(f"{self.path}: is not open")
        self._recording.record()

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


@dataclass(frozen=True)
class Plan:
    """What a file will hold."""

    frames: Array
    observables: Array
    neurons: int
    precision: np.dtype
    quantities: list[Quantity]

    @property
    def all_times(self) -> Array:
        """Times at which anything is recorded, ascending."""
        return np.union1d(self.frames, self.observables)


@dataclass
class _Frame:
    """A buffer for one frame, used again and again."""

    position: np.ndarray
    cells: np.ndarray


class _Recording:
    """An open file, the place reached in it, and the thread that writes it."""

    def __init__(self, path: Path, overwrite: bool, sim: "Simulation", plan: Plan) -> None:
        self._path, self._sim, self._plan = path, sim, plan
        self._frame = self._observed = 0
        values = [_evaluate(quantity) for quantity in plan.quantities]
        self._shapes = [value.shape for value in values]
        self._at_frames = [_at_frames(q, v) for q, v in zip(plan.quantities, values, strict=True)]
        # before the file is made: where memory does not suffice, nothing has been written
        self._free: queue.SimpleQueue[_Frame] = queue.SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(
                _Frame(
                    np.empty((plan.neurons, 2), plan.precision),
                    np.empty(plan.neurons, np.int32),
                )
            )
        self._file = layout.create(path, overwrite, lambda file: _fill(file, sim, plan, values))
        self._thread = _WriterThread(self._file, path)

    def record(self) -> None:
        now = self._sim.time
        plan = self._plan
        is_frame = self._frame < plan.frames.size and plan.frames[self._frame] == now
        is_observed = (
            self._observed < plan.observables.size and plan.observables[self._observed] == now
        )
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
        self._thread.put(_Batch(writes, self._frame, self._observed, buffer, self._free))

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

    def _packed(self) -> _Frame:
        while True:
            self._thread.check()
            try:
                buffer = self._free.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        self._sim.state.pack_frame(buffer.position, buffer.cells)
        return buffer

    def close(self) -> None:
        try:
            self._thread.finish()
        finally:
            self._file.close()


@dataclass
class _Batch:
    """Data of one moment, what progress shall say afterwards, and the buffer to give back."""

    writes: list[tuple[str, int, Any]]
    frames: int
    observed: int
    buffer: _Frame | None
    free: "queue.SimpleQueue[_Frame]"


class _WriterThread:
    """Writes batches in order: data, flush, progress, flush.

    Calls no parallel kernel, and h5py releases the GIL while it writes, so that the simulation goes
    on meanwhile. The first error is kept and raised in the run.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self._path = file, path
        self._datasets: dict[str, h5py.Dataset] = {}
        self._progress = file["parameters/progress"]
        self._queue: queue.Queue[_Batch | None] = queue.Queue(_QUEUE_LENGTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="particleflow-writer", daemon=True)
        self._thread.start()

    def put(self, batch: _Batch) -> None:
        while True:
            self.check()
            try:
                return self._queue.put(batch, timeout=0.1)
            except queue.Full:
                continue

    def check(self) -> None:
        if self._error is not None:
            raise WriteError(f"{self._path}: cannot be written: {self._error}") from None

    def finish(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            self.check()

    def _work(self) -> None:
        last = False
        while not last:
            batches = [self._queue.get()]
            while len(batches) < _BATCH and not self._queue.empty():
                batches.append(self._queue.get())
            last = batches[-1] is None
            if self._error is None:
                try:
                    self._write([batch for batch in batches if batch is not None])
                except BaseException as problem:
                    self._error = problem

    def _write(self, batches: list[_Batch]) -> None:
        if not batches:
            return
        for batch in batches:
            for name, index, value in batch.writes:
                if name not in self._datasets:
                    self._datasets[name] = self._file[name]
                self._datasets[name][index] = value
            if batch.buffer is not None:
                batch.free.put(batch.buffer)
        self._file.flush()
        self._progress[:] = (batches[-1].frames, batches[-1].observed)
        self._file.flush()


def _evaluate(quantity: Quantity) -> np.ndarray:
    """The present value; what users add is float64, since a first value may be a whole number."""
    value = np.array(quantity.evaluate())
    if value.dtype.kind not in "biuf":
        raise TrajectoryError(f"observable {quantity.name}: expected numbers, found {value.dtype}")
    return value.astype(np.float64) if quantity.group == "user" else value


def _at_frames(quantity: Quantity, value: np.ndarray) -> bool:
    return quantity.every == 1 and value.ndim > 0 and value.shape[0] > LARGE


def _fill(file: h5py.File, sim: "Simulation", plan: Plan, values: list[np.ndarray]) -> None:
    file.attrs["schema_version"] = SCHEMA_VERSION
    _fill_h5md(file)
    _fill_parameters(file, sim)
    _fill_particles(file, sim, plan)
    _fill_observables(file, plan, values)


def _fill_h5md(file: h5py.File) -> None:
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1], np.int32)
    h5md.create_group("author").attrs["name"] = layout.text(_user_name())
    creator = h5md.create_group("creator")
    creator.attrs["name"] = layout.text("particleflow")
    creator.attrs["version"] = layout.text(__version__)


def _user_name() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or "unknown"


def _fill_parameters(file: h5py.File, sim: "Simulation") -> None:
    import numba

    group = file.create_group("parameters")
    group.attrs["m"] = sim.size
    group.attrs["s"] = sim.samples.size
    group.attrs["alpha"] = sim.alpha
    group.attrs["metric"] = layout.text(sim.metric)
    group.attrs["integrator"] = layout.text(sim.integrator.name)
    group.attrs["device"] = layout.text(sim.device)
    group.attrs["threads"] = sim.threads
    group.attrs["seed"] = sim.provenance.get("seed", -1)
    versions = {
        "particleflow": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version,
    }
    for name, version in versions.items():
        group.attrs[f"version_{name}"] = layout.text(version)
    samples = group.create_group("samples")
    layout.make_scale(layout.store(samples, "x", sim.samples.x), "sample")
    y = layout.store(samples, "y", sim.samples.y)
    layout.attach(y, samples["x"])
    samples.attrs["x_shift"] = sim.samples.x_shift
    samples.attrs["x_scale"] = sim.samples.x_scale
    config = sim.provenance.get("config", "").encode()
    layout.store(group, "config", np.array(config or b"\0"))
    layout.store(group, "progress", np.zeros(2, np.int64))


def _fill_particles(file: h5py.File, sim: "Simulation", plan: Plan) -> None:
    group = file.create_group(PARTICLES)
    box = group.create_group("box")
    box.attrs["dimension"] = 2
    box.attrs["boundary"] = np.array([b"none", b"periodic"])
    box["edges"] = np.array([1.0, 2.0 * np.pi])
    n, m, frames = plan.neurons, sim.size, plan.frames.size
    ids = np.arange(n) * m // n
    identity = layout.make_scale(layout.store(group, "id", ids), "id")
    labels = layout.store(group, "component", np.array([b"rhat", b"theta"]))
    component = layout.make_scale(labels, "component")
    if sim.metric == "network":
        delta = layout.store(group, "delta", sim.state.delta()[ids])
        layout.attach(delta, identity)
    width = chunk_width(n)
    position = group.create_group("position")
    layout.reserve(position, "step", (frames,), np.int64)
    time = layout.make_scale(layout.reserve(position, "time", (frames,), np.float64), "time")
    value = layout.reserve(position, "value", (frames, n, 2), plan.precision, (1, width, 2))
    layout.attach(value, time, identity, component)
    cell = group.create_group("cell")
    cell["step"], cell["time"] = position["step"], position["time"]
    cells = layout.reserve(cell, "value", (frames, n), np.int32, (1, width))
    layout.attach(cells, time, identity)


def _fill_observables(file: h5py.File, plan: Plan, values: list[np.ndarray]) -> None:
    top = file.create_group("observables")
    total = plan.observables.size
    layout.reserve(top, "step", (total,), np.int64)
    layout.make_scale(layout.reserve(top, "time", (total,), np.float64), "time")
    frames = file[f"{PARTICLES}/position"]
    for quantity, value in zip(plan.quantities, values, strict=True):
        group = top.require_group(quantity.path)
        group.attrs["every"] = quantity.every
        if _at_frames(quantity, value):
            length = plan.frames.size
            group["step"], group["time"] = frames["step"], frames["time"]
        else:
            length = -(-total // quantity.every)
            if quantity.every == 1:
                group["step"], group["time"] = top["step"], top["time"]
            else:
                layout.reserve(group, "step", (length,), np.int64)
                layout.make_scale(layout.reserve(group, "time", (length,), np.float64), "time")
        data = layout.reserve(group, "value", (length, *value.shape), value.dtype)
        scales = [_axis(file, group.parent, axis, size)
                  for axis, size in zip(quantity.axes, value.shape, strict=False)]  # fmt: skip
        layout.attach(data, group["time"], *scales)


_COMPONENTS = {2: [b"x", b"1"], 3: [b"xx", b"x1", b"11"]}


def _axis(file: h5py.File, group: h5py.Group, axis: str, size: int) -> h5py.Dataset:
    """The scale of an axis, made when first asked for."""
    if axis == "sample":
        # readers of netCDF look for scales in the groups above the data
        top, x = file["observables"], file["parameters/samples/x"]
        if "sample" not in top:
            layout.make_scale(layout.store(top, "sample", x[:]), "sample")
        return top["sample"]
    name = f"component_{size}" if axis == "component" else axis
    if name not in group:
        labels = np.array(_COMPONENTS[size]) if axis == "component" else np.arange(size)
        layout.make_scale(layout.store(group, name, labels), axis)
    return group[name]
