"""What of a trajectory a page shows: some frames of some neurons, in numbers of 16 bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.trajectory import Trajectory

CODES = 65534
"""The largest code of a number; `Selection` says what codes mean."""
NONE = 65535
"""The code of what is not a number, and of knots outside of what can be shown."""
_POINTS = 400
MARGIN = 0.2
"""Part of the samples' interval that is shown to either side of it, and of knots 0.5."""
_KNOT_MARGIN = 0.5
_WIDE = 20.0
"""Largest |rhat| over its median from which on radii are compressed."""


class Selection(NamedTuple):
    """Some frames of some neurons of a trajectory, and f at these frames.

    Attributes
    ----------
    frames : (F,) int64
        Indices of the frames.
    time : (F,) float64
    ids : (k,) int64
        The numbers by which the run knows the neurons.
    theta : (F, k) uint16
        Angles: 0 is -pi, `CODES` is pi, and `NONE` here and below no number.
    radius : (F, k) uint16
        Compressed rhat, `compressed`: 0 is -reach, `CODES` is reach.
    knot : (F, k) uint16
        Knots in the x of the samples: 0 is ``knots_from``, `CODES` is ``knots_to``.
    knots_from, knots_to : float
    unit : float
        The radius up to which the scale is linear; infinite if it is so everywhere.
    reach : float
        The largest compressed |rhat|.
    x : (p,) float64
    f : (F, p) float32 or None
        f at the points x; None if the file has not all neurons.
    told : str
        In words, what of the trajectory this is.
    """

    frames: np.ndarray
    time: Array
    ids: np.ndarray
    theta: np.ndarray
    radius: np.ndarray
    knot: np.ndarray
    knots_from: float
    knots_to: float
    unit: float
    reach: float
    x: Array
    f: np.ndarray | None
    told: str


def compressed(rhat: ArrayLike, unit: float) -> Array:
    """Radii on a scale that is linear up to ``unit`` and logarithmic beyond: unit asinh(r/unit)."""
    r = np.asarray(rhat, np.float64)
    return r if unit == np.inf else unit * np.arcsinh(r / unit)


def select(trajectory: Trajectory, neurons: int, frames: int) -> Selection:
    """So many neurons and frames of a trajectory, evenly spread, or all where there are fewer.

    Raises
    ------
    TrajectoryError
        There is no frame, or nothing finite in any frame.
    """
    if not trajectory.frames:
        raise TrajectoryError(f"{trajectory.path}: has no complete frame to show")
    recorded = trajectory.ids.size
    # a single frame is the last one
    which = np.unique(np.linspace(trajectory.frames - 1, 0, frames).astype(int))
    rows = np.arange(min(neurons, recorded)) * recorded // min(neurons, recorded)
    position = np.stack([trajectory.position(frame)[rows] for frame in which.tolist()])
    cell = np.stack([trajectory.cell(frame)[rows] for frame in which.tolist()])
    knots = trajectory.knots_of(position, cell)
    rhat, theta = np.moveaxis(position.astype(np.float64), -1, 0)
    sizes = np.abs(rhat[np.isfinite(rhat)])
    if not sizes.size:
        raise TrajectoryError(f"{trajectory.path}: has no finite position to show")
    middle = float(np.median(sizes))
    unit = middle if 0.0 < middle * _WIDE < sizes.max() else np.inf
    radius = compressed(rhat, unit)
    reach = float(np.max(np.abs(radius[np.isfinite(radius)]))) or 1.0
    x = np.linspace(*trajectory.samples.window(MARGIN), _POINTS)
    knots_from, knots_to = trajectory.samples.window(_KNOT_MARGIN)
    return Selection(
        which, trajectory.time[which], trajectory.ids[rows],
        _coded(theta, -np.pi, np.pi), _coded(radius, -reach, reach),
        _coded(knots, knots_from, knots_to), knots_from, knots_to, unit, reach, x,
        _functions(trajectory, which, x), _told(trajectory, which, rows),
    )  # fmt: skip


def _coded(values: Array, low: float, high: float) -> np.ndarray:
    """Numbers between two limits as codes; what is outside, or not finite, is `NONE`."""
    with np.errstate(invalid="ignore", over="ignore"):
        part = (values - low) / (high - low)
        rounding = 1e-6  # pi in single precision is larger than pi
        inside = (part >= -rounding) & (part <= 1.0 + rounding)
    codes = np.round(np.where(inside, part, 0.0) * CODES)
    return np.where(inside, np.clip(codes, 0, CODES), NONE).astype(np.uint16)


def _functions(trajectory: Trajectory, which: np.ndarray, x: Array) -> np.ndarray | None:
    if trajectory.ids.size < trajectory.size:
        return None
    return np.stack([trajectory.predict(k, x) for k in which.tolist()]).astype(np.float32)


def _told(trajectory: Trajectory, which: np.ndarray, rows: np.ndarray) -> str:
    """What is shown, in words: all, or so many of so many."""

    def of(some: int, total: int, what: str) -> str:
        return f"all {total:,} {what}" if some == total else f"{some:,} of {total:,} {what}"

    some = rows.size < trajectory.size or which.size < trajectory.frames
    return (
        f"shown: {of(rows.size, trajectory.size, 'neurons')}, "
        f"{of(which.size, trajectory.frames, 'frames')}{', evenly spread' if some else ''}"
    )
