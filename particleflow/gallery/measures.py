"""The quantities that decide the figures' claims, measured on trajectories."""

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

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
_TOGETHER = 1e-3
"""Radians between neighbouring neurons below which they have one direction."""
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
    """How neurons with rhat > 0 have gathered on the rays that attract them, by name.

    ``attractors`` is the number of rays that attract such neurons at the last frame (Williams et
    al., Lemma 1). ``gathered`` is the share of the living ones among these neurons that are within
    0.02 rad of an attractor, weighted by rhat, and ``gathered_at_start`` is that share at the first
    frame, for the same rays.
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


def of_knots(trajectory: Trajectory) -> dict[str, float]:
    """How many knots f has at the end, by name.

    Knots count together up to `theory.gap_of` between neighbours, and with at least a thousandth of
    the variation of f'. ``knots_between`` is the largest number from one sample to the next, those
    on the two included, and ``knots_off`` the number of knots further from all samples than that
    distance.
    """
    x, bend = trajectory.samples.x, trajectory.curvature(-1)
    gap = theory.gap_of(x)
    knots = theory.clusters(bend.knots, bend.masses, gap).places
    inside = knots[(knots > x[0] - gap) & (knots < x[-1] + gap)]
    between = [
        np.count_nonzero((inside > lo - gap) & (inside < hi + gap)) for lo, hi in pairwise(x)
    ]
    off = np.abs(inside[:, None] - x).min(axis=1, initial=np.inf) > gap
    return {
        "knots": float(inside.size),
        "knots_between": float(max(between, default=0)),
        "knots_off": float(np.count_nonzero(off)),
    }


def of_least_norm(trajectory: Trajectory) -> dict[str, float]:
    """How near f comes to an interpolant of least path norm at the end, by name.

    ``norm`` is the path norm over the least one, ``distance`` the largest difference of the two
    functions over the samples' spread. ``directions`` is the number of angles in which neurons have
    gathered, and ``directions_of_least`` that of the interpolant.
    """
    samples = trajectory.samples
    least = _least_norm(tuple(samples.network_x.tolist()), tuple(samples.y.tolist()))
    x = np.linspace(samples.x[0], samples.x[-1], _GRID)
    distance = np.abs(trajectory.predict(-1, x) - least(samples.to_network(x))).max()
    rhat, theta = trajectory.position(-1).astype(np.float64).T
    return {
        "norm": float(trajectory.observable("path_norm")[1][-1]) / least.path_norm,
        "distance": float(distance) / samples.spread,
        "directions": float(theory.clusters(theta, rhat, _TOGETHER).places.size),
        "directions_of_least": float(
            theory.clusters(least.theta, least.mass, _TOGETHER).places.size
        ),
    }


@cache
def _least_norm(x: tuple[float, ...], y: tuple[float, ...]) -> theory.MinimalNorm:
    """The interpolant of least path norm, found once for all runs on the same samples."""
    return theory.minimal_norm(x, y)


def of_edge(trajectory: Trajectory) -> dict[str, float]:
    """How near gradient descent comes to where its steps are unstable, by name.

    ``sharpness`` is the median of that of the last tenth of the run over 2 / step, ``first`` the
    one at the start. ``bend`` is the integral of |f''| g at the end, and ``variation`` its share of
    the bound 1 / eta, of the loss (1/(2n)) sum of rho^2 and raw parameters of a network of alpha 1.
    """
    samples, bend = trajectory.samples, trajectory.curvature(-1)
    time, sharpness = trajectory.observable("sharpness")
    edge = trajectory.observable("edge_of_stability")[1][-1]
    late = sharpness[time > 0.9 * time[-1]] / edge
    variation = theory.weighted_variation(samples.x, bend.knots, bend.masses)
    # step = eta / n, of which the edge is 2 / step
    most = edge / (2.0 * samples.rows.weights.sum())
    return {
        "sharpness": float(np.nanmedian(late)),
        "first": float(sharpness[0] / edge),
        "bend": variation,
        "variation": variation / most,
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
