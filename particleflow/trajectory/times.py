"""Times at which to record frames and observables, and more of these times for a longer run."""

import math
from typing import Literal, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.run.stopping import LAST

Spacing = Literal["linear", "geometric", "power"]

MOST_FRAMES = 1_000_000
"""Largest number of frames of a run."""
FINER = 10
"""Equal parts into which observable times divide the time between two frames, by default."""
_EQUAL = 1e-6
"""Fraction of an interval within which two times count as equal, because of rounding."""


def frame_times(start: float, end: float, frames: int, spacing: Spacing, first: float) -> Array:
    """Times of the frames from ``start`` to ``end``, (frames,).

    Linear spacing is even. Geometric spacing is the start, and from ``start + first`` on times
    whose distances from the start grow by one ratio. With the spacing "power" the distances are
    ``first`` times the smallest whole numbers from k^p on, k = 0, 1, .., with the p that leads to
    the end; numbers that several k share give one frame. For a run without an end the last time is
    infinite, and the others go geometrically to the latest end that such a run can have.

    Raises
    ------
    TrajectoryError
        There are too few frames for a run without an end, or ``first`` lies beyond the end.
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
    if spacing == "power":
        numbers = np.unique(_powers(np.arange(frames - 1), _exponent(end - start, first, frames)))
        return np.append(start + first * numbers[first * numbers < end - start], end)
    steps = np.geomspace(first, end - start, frames - 1)
    return np.concatenate(([start], start + steps))


def _exponent(length: float, first: float, frames: int) -> float:
    """The p with which ``first`` times k^p leads to a distance at the last of the frames."""
    return math.log(length / first) / math.log(frames - 1)


def _powers(k: np.ndarray, p: float) -> Array:
    """The smallest whole numbers from k^p on; rounding does not lead to the next one."""
    return np.asarray(np.ceil(k.astype(np.float64) ** p * (1.0 - 1e-12)))


def finer_times(times: Array) -> Array:
    """Divide every interval of ``times`` into `FINER` equal parts.

    The result holds the times themselves to the bit.
    """
    if times[-1] == math.inf:
        return np.append(finer_times(times[:-1]), math.inf)
    parts = np.arange(FINER) / FINER
    inner = times[:-1, None] + np.diff(times)[:, None] * parts
    return np.append(inner.ravel(), times[-1])


class Pace(NamedTuple):
    """How frames follow each other.

    Attributes
    ----------
    spacing : {"linear", "geometric", "power", "own"}
        With "own" the times follow no rule.
    first : float
        Time from the begin to the second frame.
    step : float
        Distance of two neighbouring frames if linear; if geometric, the ratio of their distances
        from the begin; of powers the exponent.
    """

    spacing: str
    first: float
    step: float

    @classmethod
    def of(cls, begin: float, end: float, frames: int, spacing: Spacing, first: float) -> "Pace":
        """The pace at which the times that `frame_times` makes of these arguments follow."""
        if end == math.inf or (spacing != "linear" and frames == 2):
            return OWN
        if spacing == "linear":
            step = (end - begin) / (frames - 1)
            return cls(spacing, step, step)
        if spacing == "power":
            return cls(spacing, first, _exponent(end - begin, first, frames))
        return cls(spacing, first, ((end - begin) / first) ** (1.0 / (frames - 2)))


OWN = Pace("own", math.nan, math.nan)


def until(times: Array, end: float, pace: Pace) -> Array:
    """Times up to another end, with that end as the last; new times follow at the old pace.

    With the pace ``OWN`` the new end is the only time that is added.

    Raises
    ------
    TrajectoryError
        There would be too many times.
    """
    # a time that differs from the end by rounding is the end
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
    elif end > last and pace.spacing == "power" and pace.step > 0.0:
        ends = [(t - begin) / pace.first for t in (last, end)]
        if pace.step > 1.0:
            roots = (t ** (1.0 / pace.step) for t in ends)
            wholes = np.unique(_powers(_numbers(*roots), pace.step))
        else:  # k^p skips no whole number
            wholes = _numbers(*ends)
        more = begin + pace.first * wholes
        more = more[(more > last) & (more < end * (1.0 - 1e-12))]
    return np.concatenate([kept, more, [end]])


def _numbers(after: float, before: float) -> Array:
    """Whole numbers between two numbers, without those that equal an end but for rounding."""
    if not before - after < MOST_FRAMES:
        raise TrajectoryError(
            f"frames: expected at most {MOST_FRAMES:,}, found {before - after:,.0f} more"
        )
    return np.arange(math.floor(after + _EQUAL) + 1, math.ceil(before - _EQUAL), dtype=np.float64)
