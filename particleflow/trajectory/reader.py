"""Reading trajectories: lazily, and never past what progress counts."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import h5py
import numpy as np
from numpy.typing import ArrayLike

from particleflow._cast import Array, PathLike, existing_file
from particleflow.coordinates import knots, parameters_from_reduced, put_on_samples
from particleflow.errors import RangeError, TrajectoryError
from particleflow.samples import Samples

from . import disk, layout
from .layout import string
from .parts import Parts
from .schema import NEWEST_SCHEMA, PARTICLES

P = ParamSpec("P")
R = TypeVar("R")
_PIECE = 1 << 20


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


def open_trajectory(path: PathLike) -> "Trajectory":
    """Open a trajectory file for reading; a run may still be writing it.

    Raises
    ------
    TrajectoryError
        The file is missing, no trajectory, of a newer schema, or damaged.
    """
    return Trajectory(existing_file(path, TrajectoryError))


def _reading(method: Callable[P, R]) -> Callable[P, R]:
    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        trajectory: Any = args[0]
        with layout.naming(trajectory.path):
            return method(*args, **kwargs)

    return wrapped


class Trajectory:
    """A recorded run; use it as a context manager.

    Attributes
    ----------
    path : Path
    size : int
        Number of neurons m of the run.
    ids : (n,) int64
        Indices of the recorded neurons, n <= m.
    samples : Samples
    alpha : float
    metric, integrator : str
    config : str
        The resolved configuration, TOML; empty for a run from Python.
    schema_version : int
    ranks : int
        By how many the file was made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with layout.naming(path):
            self._file = disk.open_to_read(path)
        try:
            with layout.naming(path):
                self._load()
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        file = self._file
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
        self._parts = Parts.of(self.path, file)
        if self._parts is not None:
            self._parts.check()
        parameters = file["parameters"]
        self.size = int(parameters.attrs["m"])
        self.ranks = int(parameters.attrs.get("ranks", 1))
        self.alpha = float(parameters.attrs["alpha"])
        self.metric = string(parameters.attrs["metric"])
        self.integrator = string(parameters.attrs["integrator"])
        self.config = string(layout.read_all(parameters, "config")[()])
        samples = parameters["samples"]
        self.samples = Samples(
            layout.read_all(samples, "x"),
            layout.read_all(samples, "y"),
            float(samples.attrs["x_shift"]),
            float(samples.attrs["x_scale"]),
        )
        particles = file[PARTICLES]
        self.ids = layout.read_all(particles, "id")
        self._position = particles["position/value"]
        self._cell = particles["cell/value"]
        self._delta = particles["delta"] if self.metric == "network" else None
        if self._parts is not None:
            self._parts.hold(self._position, self._cell, self._delta)
        n = self.ids.size
        if self._position.shape[1:] != (n, 2) or self._cell.shape[1:] != (n,):
            raise TrajectoryError(f"{self.path}: positions, cells and ids differ in shape")
        if not 1 <= n <= self.size:
            raise TrajectoryError(f"{self.path}: records {n} of {self.size} neurons")
        for dataset in (self._position, self._cell):
            layout.check_size(dataset)
        if self._position.dtype.kind != "f" or self._cell.dtype.kind not in "iu":
            raise TrajectoryError(f"{self.path}: positions or cells are no numbers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __repr__(self) -> str:
        return f"Trajectory({str(self.path)!r}, m={self.size}, frames={self.frames})"

    @_reading
    def _acknowledged(self) -> tuple[int, int]:
        progress = self._file["parameters/progress"]
        progress.refresh()
        if progress.shape != (2,):
            raise TrajectoryError(f"{self.path}: progress has the shape {progress.shape}")
        frames, observed = (int(v) for v in progress[:])
        if not (0 <= frames <= self.planned_frames and 0 <= observed <= self.planned_observed):
            raise TrajectoryError(f"{self.path}: progress counts more than there is")
        return frames, observed

    @property
    def frames(self) -> int:
        """Frames that are complete."""
        return self._acknowledged()[0]

    @property
    def planned_frames(self) -> int:
        """Frames that the run was to have."""
        return int(self._position.shape[0])

    @property
    def planned_observed(self) -> int:
        """Observable times that the run was to have."""
        return int(self._file["observables/time"].shape[0])

    @property
    def is_complete(self) -> bool:
        """Whether every planned frame and observable is there."""
        return self._acknowledged() == (self.planned_frames, self.planned_observed)

    @property
    @_reading
    def time(self) -> Array:
        """Times tau of the frames, (frames,)."""
        return self._file[f"{PARTICLES}/position/time"][: self.frames]

    @property
    @_reading
    def step(self) -> np.ndarray:
        """Steps taken at the frames, (frames,)."""
        return self._file[f"{PARTICLES}/position/step"][: self.frames]

    def _index(self, frame: int) -> int:
        frames = self.frames
        if not -frames <= frame < frames:
            raise RangeError(f"{self.path}: has {frames} frames, no frame {frame}")
        return frame % frames

    @_reading
    def position(self, frame: int) -> np.ndarray:
        """(rhat, theta) of the recorded neurons at a frame, (n, 2)."""
        return self._position[self._index(frame)]

    @_reading
    def cell(self, frame: int) -> np.ndarray:
        """Cells of the recorded neurons at a frame, (n,) int32."""
        return self._cell[self._index(frame)]

    @_reading
    def neuron(self, i: int) -> np.ndarray:
        """(rhat, theta) of one neuron over all frames, (frames, 2); ``i`` as in ``ids``."""
        where = np.flatnonzero(self.ids == i)
        if where.size == 0:
            raise RangeError(f"{self.path}: has no neuron {i}")
        return self._position[: self.frames, where[0]]

    @_reading
    def parameters(
        self, frame: int, first: int = 0, last: int | None = None
    ) -> tuple[Array, Array, Array]:
        """Hat (a, b, c) at a frame, (m,) each; Lemma 8 with the recorded delta.

        Of all neurons, or of the neurons first .. last - 1.

        Euclidean metric: (cos theta, sin theta, rhat), the same function.

        Raises
        ------
        TrajectoryError
            The file holds a subset of the neurons.
        """
        self._require_all()
        rhat, theta = self._position[self._index(frame), first:last].T.astype(np.float64)
        if self._delta is None:
            return np.cos(theta), np.sin(theta), rhat
        return parameters_from_reduced(rhat, theta, self._delta[first:last])

    @_reading
    def knots(self, frame: int) -> Array:
        """Knots of the recorded neurons, (n,): x_j itself for one that slides; NaN for none."""
        theta = self.position(frame)[:, 1].astype(np.float64)
        e = knots(np.cos(theta), np.sin(theta))
        # a = 0 has no knot; theta = +-pi/2 as stored is that to rounding
        vertical = np.abs(np.abs(theta) - 0.5 * np.pi) <= np.finfo(self._position.dtype).eps
        e[vertical] = np.nan
        cell = self.cell(frame)
        put_on_samples(e, cell, self.samples.x)
        e[cell == 4 * self.samples.size] = np.nan
        return e

    @_reading
    def predict(self, frame: int, x: ArrayLike) -> Array:
        """f at any points at a frame, in the shape of ``x``; reads a million neurons at a time."""
        from particleflow.backend import predict_at

        self._require_all()
        index, points = self._index(frame), np.asarray(x, dtype=np.float64)
        f = np.zeros(points.shape)
        for lo in range(0, self.size, _PIECE):
            piece = self._position[index, lo : lo + _PIECE].astype(np.float64)
            rhat, theta = piece.T
            part = predict_at(np.cos(theta), np.sin(theta), np.ascontiguousarray(rhat), points)
            f += part * (len(piece) / self.size)
        return f

    def _require_all(self) -> None:
        if self.ids.size < self.size:
            raise TrajectoryError(
                f"{self.path}: holds {self.ids.size} of {self.size} neurons and cannot give the "
                'function; record with output.neurons = "all"'
            )

    @property
    @_reading
    def observables(self) -> tuple[str, ...]:
        """Names of the observables, as `observable` takes them."""
        found: list[str] = []

        def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group) and "value" in item:
                found.append(name)

        self._file["observables"].visititems(visit)
        return tuple(sorted(found))

    @_reading
    def observable(self, name: str) -> tuple[Array, np.ndarray]:
        """Times and values of an observable, as far as they are complete.

        Parameters
        ----------
        name : str
            For example "loss", "neurons/sector_counts", "user/NAME".
        """
        if name not in self.observables:
            raise TrajectoryError(
                f"{self.path}: has no observable {name!r}, only {', '.join(self.observables)}"
            )
        group = self._file["observables"][name]
        frames, observed = self._acknowledged()
        if group["time"] == self._file[f"{PARTICLES}/position/time"]:
            done = frames
        else:
            done = -(-observed // int(group.attrs["every"]))
        layout.check_size(group["time"])
        layout.check_size(group["value"])
        return group["time"][:done], group["value"][:done]

    @property
    def loss(self) -> Array:
        """Loss at the observable times, (observed,)."""
        return self.observable("loss")[1]

    @property
    def residual(self) -> Array:
        """Residuals, (observed, s), or at the frames where s > 256."""
        return self.observable("residual")[1]

    @property
    def bytes(self) -> int:
        """Size of the file, with its parts."""
        return self.path.stat().st_size + (0 if self._parts is None else self._parts.size())

    @_reading
    def storage(self) -> dict[str, Any]:
        """How positions are stored: dtype, chunks, filter, part files; of the parts if any."""
        stored = self._position
        parts = [] if self._parts is None else [self._parts.path(n) for n in self._parts.ranks]
        if parts:
            with disk.open_to_read(parts[0]) as file:
                return self._storage(file[f"{PARTICLES}/position/value"], len(parts))
        return self._storage(stored, 0)

    def _storage(self, stored: h5py.Dataset, parts: int) -> dict[str, Any]:
        return {
            "dtype": stored.dtype.name,
            "chunks": list(stored.chunks or ()),
            "filter": stored.compression or "none",
            "parts": parts,
        }
