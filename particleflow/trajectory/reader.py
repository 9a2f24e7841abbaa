"""Reading trajectories: the data, and what the network is at a frame."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow import theory
from particleflow.arguments import Array, PathLike, existing_file
from particleflow.backend import cell_sums, field, kernel_matrix, predict_at
from particleflow.errors import RangeError, TrajectoryError
from particleflow.files.slabs import BUDGET
from particleflow.files.slices import as_slice
from particleflow.model.cells import put_on_rays, put_on_samples, rays_of
from particleflow.model.coordinates import knots, parameters_from_reduced
from particleflow.run.particle_velocity import Surroundings, velocity_at

from .readable import reading
from .stored import ALL, Index, StoredTrajectory

_PIECE = 1 << 20


def open_trajectory(path: PathLike) -> "Trajectory":
    """Open a trajectory file for reading; a run may still be writing it.

    Raises
    ------
    TrajectoryError
        The file is missing, no trajectory, of a newer schema, or damaged.
    """
    return Trajectory(existing_file(path, TrajectoryError))


class Moments(NamedTuple):
    """Sums over the neurons of a frame, divided by m; sectors and rays as in ``schema``.

    Attributes
    ----------
    sector_first_moments : (2 s, 2) float64
        Sums of c (a, b).
    sector_covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11), eq. (32).
    sector_counts : (2 s,) int64
        Numbers of neurons.
    ray_first_moments, ray_covariances, ray_counts : arrays of the same shapes
        Of the neurons that slide on each ray.
    """

    sector_first_moments: Array
    sector_covariances: Array
    sector_counts: np.ndarray
    ray_first_moments: Array
    ray_covariances: Array
    ray_counts: np.ndarray


class Trajectory(StoredTrajectory):
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

    @reading
    def parameters(self, frame: int, neurons: slice = ALL) -> tuple[Array, Array, Array]:
        """Hat (a, b, c) at a frame, (m,) each, of all neurons or of some; Lemma 8 with delta.

        Euclidean metric: (cos theta, sin theta, rhat), the same function. They act on the x that
        the network sees, ``samples.network_x``; neurons that slide lie on their samples' rays.

        Raises
        ------
        TrajectoryError
            The file holds a subset of the neurons.
        """
        self._require_all()
        self._require_one(frame)
        rhat, theta = self.position(frame, neurons).T.astype(np.float64)
        if self._delta is None:
            a, b, c = np.cos(theta), np.sin(theta), np.ascontiguousarray(rhat)
        else:
            a, b, c = parameters_from_reduced(rhat, theta, self._delta[neurons])
        self._put_on_rays(a, b, frame, neurons)
        return a, b, c

    def _put_on_rays(self, a: Array, b: Array, frame: int, neurons: slice) -> None:
        """(a, b) of sliding neurons exactly on their rays, in place; theta rounds beside them."""
        rays = rays_of(self.cell(frame, neurons), self.samples.size)
        put_on_rays(a, b, rays, self.samples.network_x)

    @reading
    def knots(self, frame: Index, neurons: Index = ALL) -> Array:
        """Knots of the recorded neurons, (n,): x_j itself for one that slides; NaN for none.

        In the x of the samples. Frames and neurons as in `position`.
        """
        return self.knots_of(self.position(frame, neurons), self.cell(frame, neurons))

    @reading
    def knots_of(self, position: np.ndarray, cell: np.ndarray) -> Array:
        """Knots of what `position` and `cell` have given, in the shape of the cells."""
        theta = position[..., 1].astype(np.float64)
        e = self.samples.from_network(np.asarray(knots(np.cos(theta), np.sin(theta))))
        # a = 0 has no knot; theta = +-pi/2 as stored is that to rounding
        vertical = np.abs(np.abs(theta) - 0.5 * np.pi) <= np.finfo(position.dtype).eps
        e[vertical] = np.nan
        put_on_samples(e, cell, self.samples.x)
        e[cell == 4 * self.samples.size] = np.nan
        return e

    @reading
    def unwrapped_theta(self, frame: Index, neurons: Index = ALL) -> Array:
        """theta with its whole turns since the first frame, (n,) float64.

        Frames and neurons as in `position`. Of the angles that differ by whole turns it takes that
        closest to the one before, passing over what is no number; all frames up to the last one are
        read.
        """
        frames = np.arange(self.frames)[self._checked("frame", frame, self.frames)]
        end = 1 + int(np.max(frames, initial=-1))
        if not isinstance(neurons, slice):
            return self._unwrapped(end, neurons)[frames]
        rows, width = range(self.ids.size)[neurons], max(1, BUDGET // max(1, end))
        pieces = [
            self._unwrapped(end, as_slice(rows[lo : lo + width]))[frames]
            for lo in range(0, max(1, len(rows)), width)
        ]
        return np.concatenate(pieces, axis=-1)

    def _unwrapped(self, end: int, neurons: Index) -> Array:
        theta = self.position(slice(end), neurons)[..., 1].astype(np.float64)
        known = np.isfinite(theta)
        if known.all():
            return np.unwrap(theta, axis=0)
        frames = np.arange(end).reshape(-1, *[1] * (theta.ndim - 1))
        last = np.maximum.accumulate(np.where(known, frames, 0), axis=0)
        filled = np.nan_to_num(np.take_along_axis(theta, last, axis=0), posinf=0.0, neginf=0.0)
        return np.where(known, np.unwrap(filled, axis=0), theta)

    @reading
    def predict(self, frame: int, x: ArrayLike) -> Array:
        """f at any points at a frame, in the shape of ``x``; reads a million neurons at a time.

        ``x`` as of the samples, whatever map the network sees them through.

        Raises
        ------
        ConfigError
            A point is not finite or is masked, or there are no numbers.
        RangeError, TrajectoryError
            There is no such frame, or the file holds a subset of the neurons.
        """
        self._require_all()
        self._require_one(frame)
        points = self.samples.to_network(x)
        f = np.zeros(points.shape)
        for piece in self._pieces():
            rhat, theta = self.position(frame, piece).astype(np.float64).T
            a, b = np.cos(theta), np.sin(theta)
            self._put_on_rays(a, b, frame, piece)
            part = predict_at(a, b, np.ascontiguousarray(rhat), points)
            f += part * (theta.size / self.size)
        return f

    @reading
    def field(
        self, frame: int, u: ArrayLike, v: ArrayLike, sign: int = 1, delta: float = 0.0
    ) -> tuple[Array, Array]:
        """Velocity of a particle at (u, v) in the field of a frame, as of `Simulation.field`.

        Parameters
        ----------
        frame : int
        u, v : array_like
            (u, v) = |rhat| (cos theta, sin theta), of one shape.
        sign : {1, -1}
            The sign of rhat.
        delta : float
            c^2 - a^2 - b^2 of the particle; it means nothing in the euclidean metric.

        Returns
        -------
        tuple of two arrays of that shape
            NaN at the origin.

        Raises
        ------
        ConfigError
            Shapes differ, ``sign`` is neither 1 nor -1, or a number is not finite.
        RangeError, TrajectoryError
            There is no such frame, or the file holds a subset of the neurons.
        """
        samples = self.samples
        residual = self.predict(frame, samples.x) - samples.y
        g = field(residual, samples.network_x)
        there = Surroundings(g, samples.network_x, self.metric, lambda: delta)
        return velocity_at(there, u, v, sign, delta)

    @reading
    def curvature(self, frame: int) -> theory.Curvature:
        """f'' at a frame, a measure on the knots (Lemma 7), a sliding neuron's on its sample.

        In the x of the samples: of masses in the network's x it has 1 / ``x_scale``.
        """
        found = theory.curvature(*self.parameters(frame), self.knots(frame))
        scale = self.samples.x_scale
        return theory.Curvature(found.knots, found.rightwards / scale, found.leftwards / scale)

    @reading
    def moments(self, frame: int) -> Moments:
        """Sums over the neurons of each sector and of each ray at a frame.

        Reads a million neurons at a time. Their precision is that of the recorded positions.
        """
        self._require_all()
        sums = [
            cell_sums(*self.parameters(frame, piece), self.cell(frame, piece),
                      self.samples.network_x,
                      self.metric)
            for piece in self._pieces()
        ]  # fmt: skip
        first, second, counts = (np.sum(values, axis=0) for values in zip(*sums, strict=True))
        n = 2 * self.samples.size
        return Moments(
            sector_first_moments=first[:n] / self.size,
            sector_covariances=second[:n] / self.size,
            sector_counts=counts[:n],
            ray_first_moments=first[n:] / self.size,
            ray_covariances=second[n:] / self.size,
            ray_counts=counts[n : 2 * n],
        )

    def tangent_kernel(self, frame: int) -> Array:
        """H at a frame, (s, s): eq. (32), of the moments that `moments` gives."""
        moments = self.moments(frame)
        total = moments.sector_covariances + moments.ray_covariances
        return kernel_matrix(total, self.samples.network_x)

    def _pieces(self) -> Iterator[slice]:
        for lo in range(0, self.size, _PIECE):
            yield slice(lo, min(lo + _PIECE, self.size))

    def _require_one(self, frame: Index) -> None:
        if isinstance(frame, slice):
            raise RangeError(f"{self.path}: frame: expected one, found {frame!r}")
        self._checked("frame", frame, self.frames)

    def _require_all(self) -> None:
        if self.ids.size < self.size:
            raise TrajectoryError(
                f"{self.path}: holds {self.ids.size} of {self.size} neurons and cannot give the "
                'function; record with output.neurons = "all"'
            )
