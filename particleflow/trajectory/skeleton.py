"""What a new trajectory file holds before the run: groups, shapes, scales, parameters, plan."""

import json
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from particleflow.arguments import Array, unmasked
from particleflow.errors import TrajectoryError
from particleflow.files import hdf5
from particleflow.run.observables import build, check_names, compares_with_start
from particleflow.run.observed import Observed, Quantity

from .header import fill_header, fill_parameters
from .parts import Parts, fill_part, fill_rows
from .schema import (
    CONSTANTS,
    DELTA_FACTOR,
    PARTICLES,
    SCHEMA_OF_PARTS,
    SCHEMA_VERSION,
    chunk_width,
)
from .times import OWN, Pace

BEGAN = "began_"
"""Prefix in a checkpoint of the arrays of the state in which the recording began."""
_METADATA, _A_CHUNK = 44_000, 206
"""Bytes of groups and attributes, and of HDF5's index for a chunk of positions and one of cells."""
BUFFERS = 2
"""Frames that may wait for the disk: one is written while the next one is packed."""
LARGE = 256
"""Length of the first axis above which an observable is recorded at frames only."""


@dataclass(frozen=True)
class Plan:
    """What a trajectory file will hold, known before the run.

    Attributes
    ----------
    frames, observables : (n,) float64
        Times at which frames and observables are recorded. The last one is infinite for a run
        without an end: it stands for the end that the run will find.
    neurons : int
        Number of recorded neurons.
    precision : dtype
        Precision of the positions.
    quantities : list of Quantity
        Observables to record.
    begin, until, stop : float
        Arguments of the run.
    pace : Pace
        How the frames follow each other.
    divides : bool
        Whether observables are recorded at equal parts of the time between frames.
    """

    frames: Array
    observables: Array
    neurons: int
    precision: np.dtype
    quantities: list[Quantity]
    begin: float
    until: float
    stop: float
    pace: Pace = OWN
    divides: bool = False

    @property
    def all_times(self) -> Array:
        """All finite times at which anything is recorded, ascending."""
        times = np.union1d(self.frames, self.observables)
        return times[np.isfinite(times)]

    def ids(self, sim: Observed, first: int, last: int) -> np.ndarray:
        """Indices of the neurons in the rows first .. last - 1: row j is neuron j m // n."""
        return np.arange(first, last) * sim.size // self.neurons

    def size(self) -> tuple[int, int]:
        """Bytes of the file, about, and bytes of memory for frames that wait for the disk."""
        frame = self.neurons * (2 * self.precision.itemsize + np.dtype(np.int32).itemsize)
        chunks = self.frames.size * -(-self.neurons // chunk_width(self.neurons))
        # two numbers of 8 bytes each: id and delta of a neuron, step and time of a record (weights
        # add a third one to a neuron, which is little beside its frames)
        fixed = 16 * (self.neurons + self.frames.size + self.observables.size)
        fixed += _METADATA + _A_CHUNK * chunks
        observed = 0
        for quantity in self.quantities:
            value = evaluate(quantity)
            at_frames = is_recorded_at_frames(quantity, value)
            times = self.frames if at_frames else self.observables
            observed += value.nbytes * -(-times.size // quantity.every)
        return frame * self.frames.size + fixed + observed, BUFFERS * frame

    def start_of(self, sim: Observed) -> dict[str, np.ndarray]:
        """A copy of the state in which the recording begins; empty if no observable needs it."""
        if not any(compares_with_start(quantity.name) for quantity in self.quantities):
            return {}
        return {BEGAN + name: values.copy() for name, values in sim.state.snapshot().items()}

    @classmethod
    def of_file(cls, file: h5py.File, sim: Observed) -> "Plan":
        """Read the plan of a file, for a simulation that stands where its run began.

        Raises
        ------
        TrajectoryError
            The simulation has other observables of users than the file, or the plan is damaged.
        """
        group = file["parameters/plan"]
        names = [hdf5.string(name) for name in group.attrs["quantities"] if name]
        added = {quantity.name: quantity for quantity in sim.observables}
        users = [name.partition("/")[2] for name in names if name.startswith("user/")]
        missing = [name for name in users if name not in added]
        if missing or len(users) < len(added):
            raise TrajectoryError(
                f"observables: the run recorded {', '.join(users) or 'none'} of the user's, found "
                f"{', '.join(added) or 'none'}"
            )
        begin, until = float(group.attrs["begin"]), float(group.attrs["until"])
        all_times = {kind: hdf5.read_all(group, kind) for kind in ("frames", "observables")}
        for kind, times in all_times.items():
            inside = times.size > 0 and begin <= times[0] and times[-1] <= until
            if not (inside and (np.diff(times) > 0.0).all()):
                raise TrajectoryError(f"the plan of {kind} is damaged")
        own = [name.rpartition("/")[2] for name in names if not name.startswith("user/")]
        return cls(
            **all_times,
            neurons=file[f"{PARTICLES}/id"].size,
            precision=file[f"{PARTICLES}/position/value"].dtype,
            quantities=[*build(check_names(tuple(own)), sim), *(added[name] for name in users)],
            begin=begin,
            until=until,
            stop=float(group.attrs["stop"]),
            pace=Pace(
                hdf5.string(group.attrs["spacing"]),
                float(group.attrs["first"]),
                float(group.attrs["step"]),
            ),
            divides=bool(group.attrs["divides"]),
        )


def is_recorded_at_frames(quantity: Quantity, value: np.ndarray) -> bool:
    """Whether an observable is recorded with the frames: large, without a cadence of its own."""
    return quantity.every == 1 and value.ndim > 0 and value.shape[0] > LARGE


def is_writable_in_place(file: h5py.File) -> bool:
    """Whether the neurons of a file are laid out as runs write them.

    False if the file was repacked to another layout or filter, or has its neurons in parts.
    """
    value = file[f"{PARTICLES}/position/value"]
    return value.compression is None and value.chunks is not None and value.chunks[0] == 1


def fill(
    file: h5py.File,
    sim: Observed,
    plan: Plan,
    values: list[np.ndarray],
    parts: Parts | None = None,
) -> None:
    """Lay out a new file for a run.

    ``values`` are the present values of the plan's quantities. Neurons are in the file itself, or
    in ``parts`` if given.
    """
    file.attrs["schema_version"] = SCHEMA_VERSION if parts is None else SCHEMA_OF_PARTS
    fill_header(file)
    fill_parameters(file, sim)
    _fill_plan(file, sim, plan)
    if parts is not None:
        parts.store(file)
    _fill_particles(file, sim, plan, parts)
    _fill_observables(file, plan, values)


def fill_own_part(file: h5py.File, sim: Observed, plan: Plan, parts: Parts) -> None:
    """Lay out the file with the rows of this rank."""
    rank = sim.ranks.rank
    ids = plan.ids(sim, *parts.rows_of(rank))
    frames, precision = plan.frames.size, plan.precision
    fill_part(file, parts, rank, frames, precision, ids, _constants_of(sim, ids))


def _names_of_constants(sim: Observed) -> tuple[str, ...]:
    """Names of what neurons have once for all times: delta in the network metric, weights."""
    is_there = {"delta": sim.metric == "network", "mass": sim.state.mass is not None}
    return tuple(name for name in CONSTANTS if is_there[name])


def _constants_of(sim: Observed, ids: np.ndarray) -> dict[str, Array]:
    """The constants of some neurons of this rank by name, (n,) each."""
    state, rows = sim.state, ids - sim.state.share.first
    own = {"delta": state.delta_at_start, "mass": lambda: state.mass}
    return {name: np.asarray(own[name]())[rows] for name in _names_of_constants(sim)}


def _fill_plan(file: h5py.File, sim: Observed, plan: Plan) -> None:
    group = file["parameters"].create_group("plan")
    hdf5.store(group, "frames", plan.frames)
    hdf5.store(group, "observables", plan.observables)
    for name in ("begin", "until", "stop"):
        group.attrs[name] = getattr(plan, name)
    group.attrs["spacing"] = hdf5.text(plan.pace.spacing)
    group.attrs["first"], group.attrs["step"] = plan.pace.first, plan.pace.step
    group.attrs["divides"] = plan.divides
    # an empty list would be stored as numbers: one empty name stands for it
    group.attrs["quantities"] = np.array([q.path.encode() for q in plan.quantities] or [b""])
    group.attrs["integrator"] = hdf5.text(json.dumps(vars(sim.integrator)))
    group.attrs["stages"] = hdf5.text(json.dumps(sim.provenance.get("stages", [])))


def _fill_particles(file: h5py.File, sim: Observed, plan: Plan, parts: Parts | None) -> None:
    group = file.create_group(PARTICLES)
    box = group.create_group("box")
    box.attrs["dimension"] = 2
    box.attrs["boundary"] = np.array([b"none", b"periodic"])
    box["edges"] = np.array([1.0, 2.0 * np.pi])
    frames = plan.frames.size
    position, cell = group.create_group("position"), group.create_group("cell")
    _reserve(position, "step", (frames,), np.int64)
    time = hdf5.make_scale(_reserve(position, "time", (frames,), np.float64), "time")
    # H5MD wants step and time in every element: hard links take no space
    cell["step"], cell["time"] = position["step"], position["time"]
    if sim.decay > 0.0:
        factor = group.create_group(DELTA_FACTOR)
        factor["step"], factor["time"] = position["step"], position["time"]
        hdf5.attach(_reserve(factor, "value", (frames,), np.float64), time)
    labels = hdf5.store(group, "component", np.array([b"rhat", b"theta"]))
    component = hdf5.make_scale(labels, "component")
    if parts is None:
        ids = plan.ids(sim, 0, plan.neurons)
        hdf5.store(group, "id", ids)
        for name, values in _constants_of(sim, ids).items():
            hdf5.store(group, name, values)
        fill_rows(group, frames, plan.neurons, plan.precision)
    else:
        parts.show_rows(group, frames, plan.precision, _names_of_constants(sim))
    identity = hdf5.make_scale(group["id"], "id")
    for name in _names_of_constants(sim):
        hdf5.attach(group[name], identity)
    hdf5.attach(position["value"], time, identity, component)
    hdf5.attach(cell["value"], time, identity)


def _reserve(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    """Make a dataset that is NaN or -1 until the run records it."""
    return hdf5.reserve(group, name, shape, dtype, is_filled=True)


def _fill_observables(file: h5py.File, plan: Plan, values: list[np.ndarray]) -> None:
    top = file.create_group("observables")
    total = plan.observables.size
    _reserve(top, "step", (total,), np.int64)
    hdf5.make_scale(_reserve(top, "time", (total,), np.float64), "time")
    frames = file[f"{PARTICLES}/position"]
    for quantity, value in zip(plan.quantities, values, strict=True):
        group = top.require_group(quantity.path)
        group.attrs["every"] = quantity.every
        if is_recorded_at_frames(quantity, value):
            length = plan.frames.size
            group["step"], group["time"] = frames["step"], frames["time"]
        else:
            length = -(-total // quantity.every)
            if quantity.every == 1:
                group["step"], group["time"] = top["step"], top["time"]
            else:
                _reserve(group, "step", (length,), np.int64)
                hdf5.make_scale(_reserve(group, "time", (length,), np.float64), "time")
        data = _reserve(group, "value", (length, *value.shape), value.dtype)
        scales = [_axis(file, group.parent, axis, size)
                  for axis, size in zip(quantity.axes, value.shape, strict=False)]  # fmt: skip
        hdf5.attach(data, group["time"], *scales)


_COMPONENTS = {2: [b"x", b"1"], 3: [b"xx", b"x1", b"11"]}


def _axis(file: h5py.File, group: h5py.Group, axis: str, size: int) -> h5py.Dataset:
    """The scale of an axis of observables, made when it is first asked for."""
    if axis == "sample":
        # readers of netCDF look for scales in the groups above the data
        top, samples = file["observables"], file["parameters/samples"]
        if "sample" not in top:
            x = samples["original_x" if "original_x" in samples else "x"]
            hdf5.make_scale(hdf5.store(top, "sample", x[:]), "sample")
        return top["sample"]
    name = f"component_{size}" if axis == "component" else axis
    if name not in group:
        labels = np.array(_COMPONENTS[size]) if axis == "component" else np.arange(size)
        hdf5.make_scale(hdf5.store(group, name, labels), axis)
    return group[name]


def evaluate(quantity: Quantity) -> np.ndarray:
    """The present value of a quantity as an array.

    An observable of users is float64, even if its first value is a whole number: later values may
    not be.

    Raises
    ------
    TrajectoryError
        The value is no number, is masked, or has rows of different lengths.
    """
    name, found = f"observable {quantity.name}", quantity.evaluate()
    unmasked(name, found, TrajectoryError)
    try:
        value = np.array(found)
    except (TypeError, ValueError) as problem:
        raise TrajectoryError(f"{name}: expected numbers, found {problem}") from None
    if value.dtype.kind not in "biuf":
        raise TrajectoryError(f"{name}: expected numbers, found {value.dtype}")
    return value.astype(np.float64) if quantity.group == "user" else value
