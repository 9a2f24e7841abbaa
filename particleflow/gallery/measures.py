"""What the claims of the figures speak of, measured on trajectories."""

from collections.abc import Mapping

import numpy as np

from particleflow import theory
from particleflow._cast import Array
from particleflow.trajectory import Trajectory

_GRID = 1001
_NEAR = 0.02
"""Radians from a ray within which neurons have gathered on it."""


def of_run(trajectory: Trajectory) -> dict[str, float]:
    """Quantities of one run at its last frame.

    ``fit``: root mean square of the residuals over the samples' spread. ``displacement`` and
    ``displacement_of_a_tenth``: what half of the knots that start between the samples exceed, and a
    tenth, in the samples' mean distance. What was recorded besides, with distances of functions
    over the spread.
    """
    samples = trajectory.samples
    spread = samples.spread
    before, after = trajectory.knots(0), trajectory.knots(-1)
    inside = (before >= samples.x[0]) & (before <= samples.x[-1]) & np.isfinite(after)
    spacing = (samples.x[-1] - samples.x[0]) / (samples.size - 1)
    moved = np.abs(after - before)[inside] / spacing
    out = {
        "fit": float(np.sqrt(np.mean(trajectory.residual[-1] ** 2))) / spread,
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
    """Root mean square of the difference of two functions between the samples, over the spread."""
    samples = one.samples
    x = np.linspace(samples.x[0], samples.x[-1], _GRID)
    return (
        theory.distance(lambda p: one.predict(frame, p), lambda p: two.predict(frame, p), x)
        / samples.spread
    )


def of_rays(trajectory: Trajectory) -> dict[str, float]:
    """What Lemma 1 says of the last frame, and what the field and the neurons do.

    ``attractors``: rays that attract neurons of rhat > 0. ``pulled``: share of them to which the
    field points from both sides. ``repelled``: the same away from repulsors. ``gathered``: share
    of the living neurons of rhat > 0 that are within 0.02 rad of an attractor.
    """
    x, s = trajectory.samples.x, trajectory.samples.size
    residual = trajectory.predict(-1, x) - trajectory.samples.y
    kinds = theory.classify_rays(x, residual, 1)
    angle = ray_angles(x)
    pull = _turning(residual, x, angle)
    attractors, repulsors = kinds == theory.ATTRACTOR, kinds == theory.REPULSOR
    position, cell = trajectory.position(-1).astype(np.float64), trajectory.cell(-1)
    alive = (position[:, 0] > 0.0) & (cell != s) & (cell != 4 * s)
    way = np.abs(np.angle(np.exp(1j * (position[alive, 1, None] - angle[attractors]))))
    return {
        "attractors": float(attractors.sum()),
        "repulsors": float(repulsors.sum()),
        "pulled": _share((pull[0] < 0.0) & (pull[1] > 0.0), attractors),
        "repelled": _share((pull[0] > 0.0) & (pull[1] < 0.0), repulsors),
        "gathered": float((way.min(axis=1) < _NEAR).mean()) if way.size else 0.0,
    }


def ray_angles(x: Array) -> Array:
    """theta of each ray, (2 s,)."""
    theta = np.arctan2(-x, np.ones_like(x))
    return np.concatenate([theta, np.where(theta > 0.0, theta - np.pi, theta + np.pi)])


def _turning(residual: Array, x: Array, angle: Array) -> Array:
    """theta' over c of neurons just above each ray, and just below it: (2, 2 s)."""
    out = []
    for shift in (1e-9, -1e-9):
        a, b = np.cos(angle + shift), np.sin(angle + shift)
        active = np.multiply.outer(a, x) + b[:, None] > 0.0
        direct = -np.stack([active @ (residual * x), active @ residual])
        out.append(direct[1] * a - direct[0] * b)
    return np.array(out)


def _share(good: np.ndarray, among: np.ndarray) -> float:
    return float(good[among].mean()) if among.any() else float("nan")


def joined(runs: Mapping[str, dict[str, float]]) -> dict[str, float]:
    """Quantities of several runs as "run.quantity"."""
    return {f"{run}.{name}": value for run, found in runs.items() for name, value in found.items()}
