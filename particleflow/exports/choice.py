"""The frames and neurons of a trajectory to export, read some frames at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from particleflow.arguments import Array, count
from particleflow.errors import TrajectoryError
from particleflow.trajectory import Axes, Trajectory

PAIRS = 1 << 22
"""Pairs of a frame and a neuron that are read at a time, about."""


@dataclass(frozen=True)
class Block:
    """Consecutive ones of the chosen frames, of the chosen neurons; read when asked for.

    Attributes
    ----------
    where : slice
        Among the chosen frames.
    """

    where: slice
    _choice: "Choice"

    @cached_property
    def position(self) -> np.ndarray:
        """(rhat, theta), (f, k, 2)."""
        return self._choice.trajectory.position(self._frames)[:, self._choice.rows]

    @cached_property
    def cell(self) -> np.ndarray:
        """(f, k) int32."""
        return self._choice.trajectory.cell(self._frames)[:, self._choice.rows]

    @cached_property
    def knots(self) -> Array:
        """(f, k) float64."""
        return self._choice.trajectory.knots_of(self.position, self.cell)

    @property
    def _frames(self) -> slice:
        some = self._choice.frames[self.where]
        return slice(some.start, some.stop, some.step)


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
    counts : tuple of int
        Frames and observable times that it had when the choice was made: it may grow.
    frames : range
    rows : (k,) int64
    """

    trajectory: Trajectory
    counts: tuple[int, int]
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
        path, n = trajectory.path, trajectory.ids.size
        every = count(f"{path}: stride", stride, TrajectoryError)
        chosen = (
            n if neurons == "all" else count(f"{path}: neurons", neurons, TrajectoryError, most=n)
        )
        counts = trajectory.acknowledged()
        if counts[0] == 0:
            raise TrajectoryError(f"{trajectory.path}: has no complete frame to export")
        return cls(trajectory, counts, range(0, counts[0], every), np.arange(chosen) * n // chosen)

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
    def precision(self) -> np.dtype[Any]:
        """Of the positions."""
        return self.trajectory.position(0, slice(1)).dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of frames and neurons."""
        return len(self.frames), self.rows.size

    @property
    def description(self) -> str:
        """Describe the chosen frames and neurons in words."""
        trajectory, stride = self.trajectory, self.frames.step
        of_frames = f"all {self.counts[0]:,} frames"
        if stride > 1:
            of_frames = f"every {stride}th of {self.counts[0]:,} frames"
        if self.rows.size == trajectory.size:
            return f"{of_frames}, all {trajectory.size:,} neurons"
        return f"{of_frames}, {self.rows.size:,} of {trajectory.size:,} neurons, evenly spread"

    def blocks(self) -> Iterator[Block]:
        """All frames, as many at a time as `PAIRS` allows."""
        step = max(1, PAIRS // self.trajectory.ids.size)
        for lo in range(0, len(self.frames), step):
            yield Block(slice(lo, min(lo + step, len(self.frames))), self)

    def series(self) -> Iterator[Series]:
        """All observables; those recorded with the frames at the chosen ones."""
        for path in self.trajectory.observables:
            time, values = self.trajectory.observable(path, self.counts)
            at_frames, axes = self.trajectory.axes(path)
            if at_frames:
                time, values = time[:: self.frames.step], values[:: self.frames.step]
            name = path.removeprefix("neurons/").replace("/", "_")
            yield Series(name, at_frames, time, values, axes)
