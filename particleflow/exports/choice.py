"""What of a trajectory is exported, read some frames at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from particleflow._cast import Array, count
from particleflow.errors import TrajectoryError
from particleflow.trajectory import Axes, Trajectory

PAIRS = 1 << 22
"""Pairs of a frame and a neuron that are read at a time, about."""


class Block(NamedTuple):
    """Consecutive ones of the chosen frames, of the chosen neurons.

    Attributes
    ----------
    where : slice
        Among the chosen frames.
    position : (f, k, 2)
    cell : (f, k) int32
    knots : (f, k) float64
    """

    where: slice
    position: np.ndarray
    cell: np.ndarray
    knots: Array


class Series(NamedTuple):
    """An observable at its times, or at the chosen frames.

    Attributes
    ----------
    name : str
        An identifier.
    is_at_frames : bool
    time : (t,) float64
    values : (t, ...)
    axes : Axes
        Labels of the axes after the first, by name.
    """

    name: str
    is_at_frames: bool
    time: Array
    values: np.ndarray
    axes: Axes


@dataclass(frozen=True)
class Choice:
    """Every so many frames, of evenly spread neurons.

    Attributes
    ----------
    trajectory : Trajectory
    frames : range
    rows : (k,) int64
    """

    trajectory: Trajectory
    frames: range
    rows: np.ndarray

    @classmethod
    def of(cls, trajectory: Trajectory, stride: int, neurons: int | Literal["all"]) -> "Choice":
        """Every ``stride``-th frame of that many neurons.

        Raises
        ------
        TrajectoryError
            A number is out of range, or there is no frame.
        """
        every = count("stride", stride, TrajectoryError)
        n = trajectory.ids.size
        chosen = n if neurons == "all" else count("neurons", neurons, TrajectoryError, most=n)
        if trajectory.frames == 0:
            raise TrajectoryError(f"{trajectory.path}: has no complete frame to export")
        return cls(trajectory, range(0, trajectory.frames, every), np.arange(chosen) * n // chosen)

    @property
    def ids(self) -> np.ndarray:
        """Numbers of the neurons, (k,)."""
        return self.trajectory.ids[self.rows]

    @property
    def delta(self) -> Array | None:
        """delta of the neurons, (k,); None in the euclidean metric."""
        delta = self.trajectory.delta
        return None if delta is None else delta[self.rows]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of frames and neurons."""
        return len(self.frames), self.rows.size

    def blocks(self) -> Iterator[Block]:
        """All frames, as many at a time as `PAIRS` allows."""
        step = max(1, PAIRS // self.trajectory.ids.size)
        for lo in range(0, len(self.frames), step):
            some = self.frames[lo : lo + step]
            frames = slice(some.start, some.stop, some.step)
            position = self.trajectory.position(frames)[:, self.rows]
            cell = self.trajectory.cell(frames)[:, self.rows]
            knots = self.trajectory.knots_of(position, cell)
            yield Block(slice(lo, lo + len(some)), position, cell, knots)

    def series(self) -> Iterator[Series]:
        """All observables; those recorded with the frames at the chosen ones."""
        for path in self.trajectory.observables:
            time, values = self.trajectory.observable(path)
            at_frames, axes = self.trajectory.axes(path)
            if at_frames:
                time, values = time[:: self.frames.step], values[:: self.frames.step]
            name = path.removeprefix("neurons/").replace("/", "_")
            yield Series(name, at_frames, time, values, axes)
