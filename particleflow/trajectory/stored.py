"""The data of a trajectory file, read when they are asked for, as far as progress counts."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.arguments import Array
from particleflow.backend import METRICS, Metric
from particleflow.errors import RangeError, TrajectoryError
from particleflow.files import hdf5
from particleflow.files.hdf5 import string
from particleflow.files.kinds import LIMIT, SWEEP
from particleflow.files.opening import open_to_read
from particleflow.files.slices import forwards

from .parameters import samples_of, stages_of
from .parts import Parts
from .readable import Readable, reading
from .schema import DELTA_FACTOR, NEWEST_SCHEMA, PARTICLES

Axes = dict[str, np.ndarray]
Index = int | slice
_KEPT = 1 << 28
"""Bytes of positions, and as many of cells, that a reader keeps in memory at most."""
ALL = slice(None)

_REQUIRED = (
    "h5md/creator",
    "observables/time",
    "parameters/config",
    "parameters/progress",
    "parameters/samples/x",
    "parameters/samples/y",
    f"{PARTICLES}/id",
    f"{PARTICLES}/position/value",
    f"{PARTICLES}/position/step",
    f"{PARTICLES}/position/time",
    f"{PARTICLES}/cell/value",
)


def _kept_together(position: h5py.Dataset) -> int:
    """Number of frames that are read at once and kept in memory.

    To read one frame of a compressed chunk HDF5 inflates all of it. Therefore these are the frames
    of a chunk, if not more than `_KEPT` bytes; else, or without compression, one.
    """
    if position.compression is None:
        return 1
    long = int(position.chunks[0])
    return long if long * position.nbytes <= _KEPT * position.shape[0] else 1


class StoredTrajectory(Readable):
    """The data of a trajectory file: positions, cells, observables, parameters, as recorded."""

    def _load(self) -> None:
        self._whole: tuple[int, int] | None = None
        self._kept: dict[tuple[str, int], np.ndarray] = {}
        file = self._file
        for kind, what in ((SWEEP, "the table of a sweep"), (LIMIT, "the file of a limit")):
            if kind in file.attrs:
                raise TrajectoryError(f"{self.path}: is {what}, no trajectory")
        if "schema_version" not in file.attrs or "h5md" not in file:
            raise TrajectoryError(f"{self.path}: is an HDF5 file but no particleflow trajectory")
        self.schema_version = int(file.attrs["schema_version"])
        if self.schema_version > NEWEST_SCHEMA:
            creator = string(file["h5md/creator"].attrs["version"])
            raise TrajectoryError(
                f"{self.path}: has schema {self.schema_version}, this version reads up to "
                f"{NEWEST_SCHEMA}; particleflow {creator} or newer reads it"
            )
        missing = [name for name in _REQUIRED if name not in file]
        if missing:
            raise TrajectoryError(f"{self.path}: is damaged: {missing[0]} is missing")
        self._parts = Parts.of(self._real, file)
        if self._parts is not None:
            self._parts.check()
        parameters = file["parameters"]
        self.size, self.ranks = (int(parameters.attrs.get(name, 1)) for name in ("m", "ranks"))
        self.alpha = float(parameters.attrs["alpha"])
        self.decay = float(parameters.attrs.get("decay", 0.0))
        metric = string(parameters.attrs["metric"])
        if metric not in METRICS:
            raise TrajectoryError(f"{self.path}: is damaged: its metric is {metric!r}")
        self.metric: Metric = "network" if metric == "network" else "euclidean"
        self.integrator = string(parameters.attrs["integrator"])
        self.config = string(hdf5.read_all(parameters, "config")[()])
        self.stages = stages_of(parameters)
        samples = parameters["samples"]
        self.samples = samples_of(samples)
        particles = file[PARTICLES]
        self._progress = parameters["progress"]
        if self._progress.shape != (2,) or self._progress.dtype.kind not in "iu":
            raise TrajectoryError(f"{self.path}: is damaged: progress is no pair of numbers")
        self.ids = hdf5.read_all(particles, "id")
        self._position, self._cell = particles["position/value"], particles["cell/value"]
        self._planned = int(self._position.shape[0]), int(file["observables/time"].shape[0])
        self._delta = particles["delta"] if self.metric == "network" else None
        self._mass = particles.get("mass")
        if self._parts is not None:
            self._parts.hold(self._position, self._cell, self._delta, self._mass)
        self._together = _kept_together(self._position)
        n = self.ids.size
        if self._position.shape[1:] != (n, 2) or self._cell.shape[1:] != (n,):
            raise TrajectoryError(f"{self.path}: positions, cells and ids differ in shape")
        if not 1 <= n <= self.size:
            raise TrajectoryError(f"{self.path}: records {n} of {self.size} neurons")
        mass = self._mass
        if mass is not None and (mass.shape != (n,) or mass.dtype.kind != "f"):
            raise TrajectoryError(f"{self.path}: is damaged: mass is no number for each neuron")
        share = self.frames / max(1, self.planned_frames)
        for dataset in (self._position, self._cell):
            hdf5.check_size(dataset, 1.0 if dataset.compression is None else share)
        if self._position.dtype.kind != "f" or self._cell.dtype.kind not in "iu":
            raise TrajectoryError(f"{self.path}: positions or cells are no numbers")

    def files(self) -> list[Path]:
        """The paths of the file and of its parts."""
        parts = [] if self._parts is None else [self._parts.path(n) for n in self._parts.ranks]
        return [self._real, *parts]

    def __repr__(self) -> str:
        where = f"{type(self).__name__}({str(self.path)!r}, m={self.size}"
        return f"{where}, closed)" if self._is_closed else f"{where}, frames={self.frames})"

    @reading
    def acknowledged(self) -> tuple[int, int]:
        """Numbers of frames and of observable times that are complete."""
        # a file once complete stays so for a reader: a run that goes on writes the same data again
        if self._whole is not None:
            return self._whole
        # another process may have written; HDF5's own read is faster than h5py's (bench/NOTES.md)
        self._progress.id.refresh()
        counts = np.empty(2, np.int64)
        self._progress.id.read(h5py.h5s.ALL, h5py.h5s.ALL, counts)
        frames, observed = counts.tolist()
        if not (0 <= frames <= self.planned_frames and 0 <= observed <= self.planned_observed):
            raise TrajectoryError(f"{self.path}: progress counts more than there is")
        if (frames, observed) == self._planned:
            self._whole = self._planned
        return frames, observed

    @property
    def frames(self) -> int:
        """Number of frames that are complete."""
        return self.acknowledged()[0]

    @property
    def planned_frames(self) -> int:
        """Number of frames that the run was planned to have."""
        return self._planned[0]

    @property
    def planned_observed(self) -> int:
        """Number of observable times that the run was planned to have."""
        return self._planned[1]

    @property
    def is_complete(self) -> bool:
        """Whether every planned frame and observable time is there."""
        return self.acknowledged() == self._planned

    @property
    @reading
    def time(self) -> Array:
        """Times tau of the frames, (frames,)."""
        return self._file[f"{PARTICLES}/position/time"][: self.frames]

    @property
    @reading
    def step(self) -> np.ndarray:
        """Steps taken at the frames, (frames,)."""
        return self._file[f"{PARTICLES}/position/step"][: self.frames]

    @reading
    def position(self, frame: Index, neurons: Index = ALL) -> np.ndarray:
        """(rhat, theta) of the recorded neurons, or of some of them, at a frame, (n, 2).

        Parameters
        ----------
        frame : int or slice
            For several frames the result has one more axis, before the others.
        neurons : int or slice
            Rows among the recorded neurons; ``ids`` has their indices in the run. Row and index
            are the same if all neurons are recorded.

        Raises
        ------
        RangeError
            There is no such frame or neuron.
        """
        return self._rows(self._position, frame, neurons)

    @reading
    def cell(self, frame: Index, neurons: Index = ALL) -> np.ndarray:
        """Cells of neurons at a frame, (n,) int32; both are chosen as in `position`."""
        return self._rows(self._cell, frame, neurons)

    def _rows(self, dataset: h5py.Dataset, frame: Index, neurons: Index) -> np.ndarray:
        keys = [
            self._checked("frame", frame, self.frames),
            self._checked("neuron", neurons, self.ids.size),
        ]
        found = self._read(dataset, *(k if isinstance(k, int) else forwards(k) for k in keys))
        # h5py reads forwards only: axes that were asked for backwards are turned here
        ways = [
            slice(None, None, 1 if key.step > 0 else -1) for key in keys if not isinstance(key, int)
        ]
        return found[tuple(ways)]

    def _read(self, dataset: h5py.Dataset, frame: Any, rows: Any) -> np.ndarray:
        """Read rows of frames; where `_kept_together` says so, keep the frames beside them too.

        Frames are mostly read one after the other: the next one need not be inflated again.
        """
        long = self._together
        if long == 1 or not isinstance(frame, int):
            return np.asarray(dataset[frame, rows])
        begin = frame - frame % long
        key = dataset.name, begin
        if key not in self._kept:
            self._kept = {other: v for other, v in self._kept.items() if other[0] != dataset.name}
            self._kept[key] = np.asarray(dataset[begin : begin + long])
        return self._kept[key][frame - begin, rows].copy()

    def _checked(self, what: str, key: Index, size: int) -> "int | range":
        """A checked index along an axis of this size, from 0 on; of a slice its range."""
        if isinstance(key, slice):
            return range(size)[key]
        if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
            raise RangeError(
                f"{self.path}: {what}: expected a whole number or a slice, found {key!r}"
            )
        if not -size <= key < size:
            raise RangeError(f"{self.path}: has {size} {what}s, no {what} {key}")
        return int(key) % size

    def row(self, i: int) -> int:
        """The row of the neuron with index ``i`` in the run among the recorded neurons.

        Raises
        ------
        RangeError
            The neuron is not recorded.
        """
        if isinstance(i, bool) or not isinstance(i, (int, np.integer)):
            raise RangeError(f"{self.path}: neuron: expected a whole number, found {i!r}")
        at = int(np.searchsorted(self.ids, i))
        if at == self.ids.size or self.ids[at] != i:
            raise RangeError(f"{self.path}: has no neuron {i}")
        return at

    def neuron(self, i: int) -> np.ndarray:
        """(rhat, theta) of the neuron with index ``i`` over all frames, (frames, 2)."""
        return self.position(ALL, self.row(i))

    @property
    @reading
    def observables(self) -> tuple[str, ...]:
        """Names of the observables, as `observable` takes them."""
        found: list[str] = []

        def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group) and "value" in item:
                found.append(name)

        self._file["observables"].visititems(visit)
        return tuple(sorted(found))

    @reading
    def observable(
        self, name: str, counts: tuple[int, int] | None = None
    ) -> tuple[Array, np.ndarray]:
        """Times and values of an observable, as far as they are complete.

        Parameters
        ----------
        name : str
            For example "loss", "user/NAME", "sector_counts" (also "neurons/sector_counts").
        counts : tuple of int, optional
            An earlier result of `acknowledged`, to read several observables up to the same time
            while the file grows.
        """
        group = self._observable(name)
        frames, observed = counts or self.acknowledged()
        done = frames if self._is_at_frames(group) else -(-observed // int(group.attrs["every"]))
        hdf5.check_size(group["time"])
        hdf5.check_size(group["value"])
        return group["time"][:done], group["value"][:done]

    @reading
    def axes(self, name: str) -> tuple[bool, Axes]:
        """Whether an observable is recorded with the frames, and its axes but that of time.

        Returns
        -------
        is_at_frames : bool
        axes : dict of str to array
            Labels along each axis by its name, for instance "sample" with the samples' x.
        """
        group = self._observable(name)
        axes = {}
        for axis, dimension in enumerate(list(group["value"].dims)[1:]):
            scales = list(dimension.values())
            if scales:
                label = scales[0].name.rpartition("/")[2]
                axes[label] = self.samples.x if label == "sample" else scales[0][:]
            else:
                size = group["value"].shape[axis + 1]
                axes[f"{name.rpartition('/')[2]}_{axis}"] = np.arange(size)
        return self._is_at_frames(group), axes

    def _is_at_frames(self, group: h5py.Group) -> bool:
        return bool(group["time"] == self._file[f"{PARTICLES}/position/time"])

    def _observable(self, name: str) -> h5py.Group:
        known = self.observables
        if name not in known and f"neurons/{name}" in known:
            name = f"neurons/{name}"  # as it is called where it is asked for
        if name not in known:
            raise TrajectoryError(
                f"{self.path}: has no observable {name!r}, only {', '.join(known) or 'frames'}"
            )
        return self._file["observables"][name]

    @property
    def loss(self) -> Array:
        """Loss at the observable times, (observed,)."""
        return self.observable("loss")[1]

    @property
    def residual(self) -> Array:
        """Residuals at the observable times, (observed, s); if s > 256 at the frames."""
        return self.observable("residual")[1]

    @property
    @reading
    def delta(self) -> Array | None:
        """c^2 - a^2 - b^2 of the recorded neurons at the start, (n,).

        Weight decay multiplies it by `delta_factor`. None in the euclidean metric.
        """
        return None if self._delta is None else self._delta[:]

    @property
    @reading
    def delta_factor(self) -> Array:
        """What weight decay has multiplied every delta by at the frames, (frames,); 1 without."""
        stored = self._file.get(f"{PARTICLES}/{DELTA_FACTOR}/value")
        return np.ones(self.frames) if stored is None else stored[: self.frames]

    @property
    @reading
    def mass(self) -> Array | None:
        """The weights of the recorded neurons, (n,), of sum 1 over all neurons of the run.

        None if all are equal.

        Raises
        ------
        TrajectoryError
            They are damaged.
        """
        if self._mass is None:
            return None
        mass = np.asarray(self._mass[:])
        is_all, total = mass.size == self.size, float(mass.sum())
        if not ((mass >= 0.0).all() and (abs(total - 1.0) < 1e-9 or (not is_all and total < 1.0))):
            raise TrajectoryError(f"{self.path}: is damaged: mass is no part of weights of sum 1")
        return mass

    @property
    def bytes(self) -> int:
        """Size of the file with its parts, in bytes."""
        return self.path.stat().st_size + (0 if self._parts is None else self._parts.size())

    @reading
    def storage(self) -> dict[str, Any]:
        """How positions are stored: dtype, layout, chunks, filter, and the number of parts.

        If there are parts, the first one is looked at.
        """
        parts = self.files()[1:]
        if parts:
            with open_to_read(parts[0]) as file:
                return self._storage(file[f"{PARTICLES}/position/value"], len(parts))
        return self._storage(self._position, 0)

    def _storage(self, stored: h5py.Dataset, parts: int) -> dict[str, Any]:
        chunks = list(stored.chunks or ())
        return {
            "dtype": stored.dtype.name,
            "layout": "particles" if chunks and chunks[0] > 1 else "frames",
            "chunks": chunks,
            "filter": stored.compression or "none",
            "parts": parts,
        }
