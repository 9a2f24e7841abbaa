"""The quantities that decide the figures' claims, measured on trajectories."""

from collections.abc import Mapping

import numpy as np

from particleflow import theory
from particleflow.arguments import Array
from particleflow.model.coordinates import ray_angles
from particleflow.trajectory import Trajectory

_GRID = 1001
"""Points between the first and the last sample at which functions are compared."""
_EARLY, _ALIGNED = 0.99, 0.05
"""The share of its start that the loss has in the early phase; radians of a direction within which
neurons count as aligned."""
_NEAR = 0.02
"""Radians from a ray within which neurons count as gathered on it."""


def of_run(trajectory: Trajectory) -> dict[str, float]:
    """Quantities of one run at its end, by name.

    ``fit`` is the root mean square of the residuals over the samples' spread. ``displacement`` is
    the distance by which half of the knots that start between the first and the last sample have
    moved at least, and ``displacement_of_a_tenth`` that by which a tenth of them have, both in
    units of the samples' mean distance. Shares of knots, the kernel distance and distances of
    functions follow if the run has recorded them, the latter over the samples' spread.
    """
    samples = trajectory.samples
    spread = samples.spread
    before, after = trajectory.knots(0), trajectory.knots(-1)
    inside = (before >= samples.x[0]) & (before <= samples.x[-1]) & np.isfinite(after)
    spacing = (samples.x[-1] - samples.x[0]) / max(samples.size - 1, 1)
    moved = np.abs(after - before)[inside] / spacing
    out = {
        "fit": samples.rms(trajectory.residual[-1]) / spread,
        "displacement": float(np.median(moved)),
        "displacement_of_a_tenth": float(np.quantile(moved, 0.9)),
    }
    for name in ("knots_near_samples", "knot_mass_near_samples", "kernel_distance"):
        if name in trajectory.observables:
            out[name] = float(trajectory.observable(name)[1][-1])
    for name in ("spline_distance", "linear_distance"):
        if name in trajectory.observables:
            out[name] = float(trajectory.observable(name)[1][-1]) / spread
    return out


def difference(one: Trajectory, two: Trajectory, frame: int) -> float:
    """The difference of the functions of two runs at a frame, in units of the samples' spread.

    It is the root mean square over the interval from the first to the last sample.
    """
    samples = one.samples
    x = np.linspace(samples.x[0], samples.x[-1], _GRID)
    return (
        theory.distance(lambda p: one.predict(frame, p), lambda p: two.predict(frame, p), x)
        / samples.spread
    )


def of_rays(trajectory: Trajectory) -> dict[str, float]:
    """How neurons with rhat > 0 have gathered on the rays that attract them (Lemma 1), by name.

    ``attractors`` is the number of rays that attract such neurons at the last frame. ``gathered``
    is the share of the living ones among these neurons that are within 0.02 rad of an attractor,
    weighted by rhat, and ``gathered_at_start`` is that share at the first frame, for the same rays.
    """
    samples = trajectory.samples
    x = samples.network_x
    residual = trajectory.predict(-1, samples.x) - samples.y
    kinds = theory.classify_rays(x, residual, 1, samples.weights)
    attractors = ray_angles(x)[kinds == theory.ATTRACTOR]
    return {
        "attractors": float(attractors.size),
        "gathered": _gathered(trajectory, -1, attractors),
        "gathered_at_start": _gathered(trajectory, 0, attractors),
    }


def of_alignment(trajectory: Trajectory) -> dict[str, float]:
    """How neurons align, and how f comes to the line of least squares, by name.

    ``aligned`` is the share of the neurons with rhat > 0, by rhat, that are within 0.05 rad of a
    direction of `theory.extremal_directions` at the last frame at which the loss has fallen by no
    more than a hundredth. ``to_line`` is the largest distance of f from the line of least squares
    at the samples in the end, and ``nearest_to_line`` the smallest of these over all times.
    """
    samples = trajectory.samples
    directions = theory.extremal_directions(samples.network_x, -samples.y, 1, samples.weights)
    frame = early_phase(trajectory)
    line = np.polynomial.Polynomial.fit(samples.x, samples.y, 1)(samples.x)
    distances = np.abs(trajectory.residual + samples.y - line).max(axis=1)
    return {
        "aligned": _gathered(trajectory, frame, directions, _ALIGNED),
        "to_line": float(distances[-1]),
        "nearest_to_line": float(distances.min()),
    }


def early_phase(trajectory: Trajectory) -> int:
    """The last frame at which the loss has fallen by no more than a hundredth of its start."""
    time, loss = trajectory.observable("loss")
    end = time[np.argmax(loss < _EARLY * loss[0])] if loss[-1] < _EARLY * loss[0] else time[-1]
    return max(0, int(np.searchsorted(trajectory.time, end)) - 1)


def _gathered(trajectory: Trajectory, frame: int, attractors: Array, near: float = _NEAR) -> float:
    """The share of living neurons with rhat > 0, by rhat, that are near one of these angles."""
    s = trajectory.samples.size
    position, cell = trajectory.position(frame).astype(np.float64), trajectory.cell(frame)
    alive = (position[:, 0] > 0.0) & (cell != s) & (cell != 4 * s)
    rhat, theta = position[alive].T
    if attractors.size == 0 or rhat.size == 0:
        return 0.0
    # angles differ by whole turns too: angle brings the difference into (-pi, pi]
    way = np.abs(np.angle(np.exp(1j * (theta[:, None] - attractors)))).min(axis=1)
    return float(rhat[way < near].sum() / rhat.sum())


def joined(runs: Mapping[str, dict[str, float]]) -> dict[str, float]:
    """The quantities of several runs in one mapping, by names "run.quantity"."""
    return {f"{run}.{name}": value for run, found in runs.items() for name, value in found.items()}
