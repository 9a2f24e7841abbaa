"""When to record: frames, the observables between them, and more of both for a longer run."""

import math
from typing import Literal, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.run.stopping import LAST

Spacing = Literal["linear", "geometric"]

MOST_FRAMES = 1_000_000
FINER = 10
"""Observable times between two frames, by default."""
_EQUAL = 1e-6
"""Part of an interval within which two times count as equal."""


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


class Pace(NamedTuple):
    """How frames follow each other.

    Attributes
    ----------
    spacing : {"linear", "geometric", "own"}
        Own times follow no rule.
    first : float
        Time of the second frame after the begin.
    step : float
        Distance of two frames, or the ratio of two times after the begin.
    """

    spacing: str
    first: float
    step: float

    @classmethod
    def of(cls, begin: float, end: float, frames: int, spacing: Spacing, first: float) -> "Pace":
        """The pace of `frame_times` with these arguments."""
        if end == math.inf or (spacing == "geometric" and frames == 2):
            return OWN
        if spacing == "linear":
            step = (end - begin) / (frames - 1)
            return cls(spacing, step, step)
        return cls(spacing, first, ((end - begin) / first) ** (1.0 / (frames - 2)))


OWN = Pace("own", math.nan, math.nan)


def until(times: Array, end: float, pace: Pace) -> Array:
    """Times up to another end, itself included; those after the old end follow at its pace.

    Raises
    ------
    TrajectoryError
        There would be too many.
    """
    kept = times[times < end * (1.0 - 1e-12)]
    begin, last = times[0], times[-1]
    more = np.empty(0)
    if end > last and pace.spacing == "linear":
        numbers = _numbers((last - begin) / pace.step, (end - begin) / pace.step)
        more = begin + pace.step * numbers
    elif end > last and pace.spacing == "geometric":
        scale = math.log(pace.step)
        numbers = _numbers(
            math.log((last - begin) / pace.first) / scale,
            math.log((end - begin) / pace.first) / scale,
        )
        more = begin + pace.first * pace.step**numbers
    return np.concatenate([kept, more, [end]])


def _numbers(after: float, before: float) -> Array:
    """Whole numbers between two numbers, farther from both than rounding."""
    if not before - after < MOST_FRAMES:
        raise TrajectoryError(
            f"frames: expected at most {MOST_FRAMES:,}, found {before - after:,.0f} more"
        )
    return np.arange(math.floor(after + _EQUAL) + 1, math.ceil(before - _EQUAL), dtype=np.float64)
