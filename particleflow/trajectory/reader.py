"""Reading trajectories: the recorded data, and what follows from them for the network."""

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

from .card import trajectory_card
from .readable import reading
from .stored import ALL, Index, StoredTrajectory

_PIECE = 1 << 20
"""Neurons that are read at a time where a frame is summed over."""


def open_trajectory(path: PathLike) -> "Trajectory":
    """Open a trajectory file for reading; a run may still be writing it.

    Raises
    ------
    TrajectoryError
        The file is missing, is no trajectory, has a newer schema, or is damaged.
    """
    return Trajectory(existing_file(path, TrajectoryError))


class Moments(NamedTuple):
    """Sums over the neurons of each sector and each ray at a frame.

    First moments and covariances are divided by m, or are sums with weights; counts are not.
    Sectors and rays are numbered as in ``trajectory.schema``.

    Attributes
    ----------
    sector_first_moments : (2 s, 2) float64
        Sums of c (a, b).
    sector_covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11) (Williams et al., eq. 32).
    sector_counts : (2 s,) int64
        Numbers of neurons.
    ray_first_moments, ray_covariances, ray_counts : arrays of the same shapes
        The same sums over the neurons that slide on each ray.
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
    decay : float
        Rate lambda of weight decay in tau, 0 without.
    metric, integrator : str
    config : str
        The resolved configuration, TOML; empty for a run from Python.
    schema_version : int
    ranks : int
        Number of ranks that made the file.
    """

    _repr_html_ = trajectory_card

    @reading
    def parameters(self, frame: int, neurons: slice = ALL) -> tuple[Array, Array, Array]:
        """Parameters (a, b, c) in hat units at a frame, (m,) each, of all neurons or of some.

        In the network metric they follow from (rhat, theta) and delta (Williams et al., Lemma 8).
        In the euclidean metric they are (cos theta, sin theta, rhat), which give the same function.
        They act on the x that the network sees, ``samples.network_x``. Neurons that slide lie
        exactly on the rays of their samples. The delta is that of the start, times what weight
        decay leaves of it: ``boost`` keeps it; steps of ``gd`` and ``rk`` change it, by a part of
        a^2 + b^2 + c^2 that the observable ``delta_drift`` records. f and knots do not depend on
        it.

        Raises
        ------
        RangeError, TrajectoryError
            There is no such frame or neuron, or the file holds a subset of the neurons.
        """
        self._require_all()
        self._require_one(frame)
        rhat, theta = self.position(frame, neurons).T.astype(np.float64)
        if self._delta is None:
            a, b, c = np.cos(theta), np.sin(theta), np.ascontiguousarray(rhat)
        else:
            delta = self._delta[neurons] * self.delta_factor[frame]
            a, b, c = parameters_from_reduced(rhat, theta, delta)
        self._put_on_rays(a, b, frame, neurons)
        return a, b, c

    def _put_on_rays(self, a: Array, b: Array, frame: int, neurons: slice) -> None:
        """Put (a, b) of sliding neurons exactly on their rays, in place: theta is rounded."""
        rays = rays_of(self.cell(frame, neurons), self.samples.size)
        put_on_rays(a, b, rays, self.samples.network_x)

    @reading
    def knots(self, frame: Index, neurons: Index = ALL) -> Array:
        """Knots of the recorded neurons, (n,), in the x of the samples.

        The knot of a neuron that slides is x_j itself; a neuron without a knot has NaN. Frames and
        neurons are chosen as in `position`.
        """
        return self.knots_of(self.position(frame, neurons), self.cell(frame, neurons))

    @reading
    def knots_of(self, position: np.ndarray, cell: np.ndarray) -> Array:
        """Knots of neurons whose `position` and `cell` are given, in the shape of the cells."""
        theta = position[..., 1].astype(np.float64)
        e = self.samples.from_network(np.asarray(knots(np.cos(theta), np.sin(theta))))
        # a neuron with a = 0 has no knot; its stored theta is +-pi/2 but for rounding
        vertical = np.abs(np.abs(theta) - 0.5 * np.pi) <= np.finfo(position.dtype).eps
        e[vertical] = np.nan
        put_on_samples(e, cell, self.samples.x)
        e[cell == 4 * self.samples.size] = np.nan  # at rest in the origin, where a = b = 0
        return e

    @reading
    def unwrapped_theta(self, frame: Index, neurons: Index = ALL) -> Array:
        """theta with its whole turns since the first frame counted, (n,) float64.

        Frames and neurons are chosen as in `position`. Of the angles that differ by whole turns
        the one closest to the frame before is taken, where frames without a finite theta are passed
        over. All frames up to the last chosen one are read.
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
        """Unwrapped theta of all frames before ``end``; the first axis is that of the frames."""
        theta = self.position(slice(end), neurons)[..., 1].astype(np.float64)
        known = np.isfinite(theta)
        if known.all():
            return np.unwrap(theta, axis=0)
        frames = np.arange(end).reshape(-1, *[1] * (theta.ndim - 1))
        # np.unwrap would carry a NaN on to all later frames: each gets the last finite theta
        last = np.maximum.accumulate(np.where(known, frames, 0), axis=0)
        filled = np.nan_to_num(np.take_along_axis(theta, last, axis=0), posinf=0.0, neginf=0.0)
        return np.where(known, np.unwrap(filled, axis=0), theta)

    @reading
    def predict(self, frame: int, x: ArrayLike) -> Array:
        """The network function f at a frame, at any points, in the shape of ``x``.

        ``x`` is in the units of the samples, whatever map the network sees them through. Neurons
        are read a million at a time.

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
            part = predict_at(a, b, np.ascontiguousarray(self._times_mass(rhat, piece)), points)
            f += part * (theta.size / self.size)
        return f

    @reading
    def field(
        self, frame: int, u: ArrayLike, v: ArrayLike, sign: int = 1, delta: float = 0.0
    ) -> tuple[Array, Array]:
        """Velocity of a particle at (u, v) in the field of a frame, as `Simulation.field` gives it.

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
        tuple of two arrays
            The velocity's parts along u and v, in the shape of ``u``; NaN at the origin.

        Raises
        ------
        ConfigError
            Shapes differ, ``sign`` is neither 1 nor -1, or a number is not finite.
        RangeError, TrajectoryError
            There is no such frame, or the file holds a subset of the neurons.
        """
        samples = self.samples
        residual = self.predict(frame, samples.x) - samples.y
        g = field(residual, samples.network_x, samples.weights)
        there = Surroundings(g, samples.network_x, self.metric, lambda: delta, self.decay)
        return velocity_at(there, u, v, sign, delta)

    @reading
    def curvature(self, frame: int) -> theory.Curvature:
        """f'' at a frame, which is a sum of point masses at the knots (Williams et al., Lemma 7).

        The mass of a sliding neuron is exactly at its sample. Knots and masses are in the x of the
        samples: masses in the network's x are divided by ``x_scale``.
        """
        a, b, c = self.parameters(frame)
        found = theory.curvature(a, b, self._times_mass(c, ALL), self.knots(frame))
        scale = self.samples.x_scale
        return theory.Curvature(found.knots, found.rightwards / scale, found.leftwards / scale)

    @reading
    def moments(self, frame: int) -> Moments:
        """Sums over the neurons of each sector and of each ray at a frame.

        Neurons are read a million at a time. The sums are as precise as the recorded positions.
        """
        self._require_all()
        sums = [
            cell_sums(self.parameters(frame, piece), self.cell(frame, piece),
                      self.samples.network_x, self.metric, self._relative_mass(piece))
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
        """The tangent kernel H at a frame, (s, s) (Williams et al., eq. 32).

        It is made from the covariances of `moments`. For samples with weights it is W^1/2 H W^1/2,
        whose eigenvalues are the rates of the flow.
        """
        moments = self.moments(frame)
        total = moments.sector_covariances + moments.ray_covariances
        return kernel_matrix(total, self.samples.network_x, self.samples.weights)

    def _relative_mass(self, neurons: slice) -> Array | None:
        """m w of some neurons; None if all are equal."""
        return None if self._mass is None else self.size * self._mass[neurons]

    def _times_mass(self, values: Array, neurons: slice) -> Array:
        """What some neurons count with: values times m w."""
        relative = self._relative_mass(neurons)
        return values if relative is None else values * relative

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
