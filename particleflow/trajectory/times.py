"""When to record: frames, the observables between them, and more of both for a longer run."""

import math
from typing import Literal

import numpy as np

from particleflow._cast import Array
from particleflow.errors import TrajectoryError
from particleflow.stopping import LAST

Spacing = Literal["linear", "geometric"]

MOST_FRAMES = 1_000_000
FINER = 10
"""Observable times between two frames, by default."""
_EQUAL = 1e-6
"""Relative difference of intervals that count as equal."""


def frame_times(start: float, end: float, frames: int, spacing: Spacing, first: float) -> Array:
    """Times of the frames: linear, or the start and from ``start + first`` geometric; (frames,).

    For a run without an end the last one is infinite, and the others go to the latest end.
    """
    if end == math.inf:
        if frames < 3:
            raise TrajectoryError(f"frames: expected at least 3 without an end, found {frames}")
        finite = frame_times(start, start + LAST, frames - 1, "geometric", first)
        return np.append(finite, math.inf)
    if spacing == "linear" or frames == 2:
        return np.linspace(start, end, frames)
    if first >= end - start:
        raise TrajectoryError(f"first: expected a time below {end - start:g}, found {first:g}")
    steps = np.geomspace(first, end - start, frames - 1)
    return np.concatenate(([start], start + steps))


def finer_times(times: Array) -> Array:
    """`FINER` equal parts of every interval, the times themselves included to the bit."""
    if times[-1] == math.inf:
        return np.append(finer_times(times[:-1]), math.inf)
    parts = np.arange(FINER) / FINER
    inner = times[:-1, None] + np.diff(times)[:, None] * parts
    return np.append(inner.ravel(), times[-1])


def until(times: Array, end: float) -> Array:
    """The same times up to another end, itself included.

    Later ones follow as far apart as the last ones, or by the same ratio; those without a pattern
    are followed by the end alone.

    Raises
    ------
    TrajectoryError
        There would be too many.
    """
    kept = times[times < end * (1.0 - 1e-12)]
    if end <= times[-1] or times.size < 3:
        return np.append(kept, end)
    begin, last = times[0], times[-1]
    steps = np.diff(times)
    if np.ptp(steps) <= _EQUAL * steps[-1]:
        step = (last - begin) / steps.size
        more = last + step * np.arange(1, _number((end - last) / step) + 1)
    else:
        ratios = (times[2:] - begin) / (times[1:-1] - begin)
        if np.ptp(ratios) > _EQUAL * ratios[-1]:
            return np.append(times, end)
        ratio = float(ratios[-1])
        number = _number(math.log((end - begin) / (last - begin)) / math.log(ratio))
        more = begin + (last - begin) * ratio ** np.arange(1, number + 1)
    more = more[more < end * (1.0 - 1e-9)]
    return np.concatenate([times, more, [end]])


def _number(exact: float) -> int:
    if not exact < MOST_FRAMES:
        raise TrajectoryError(f"frames: expected at most {MOST_FRAMES:,}, found {exact:,.0f}")
    return math.floor(exact)
