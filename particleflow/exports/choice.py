"""What of a trajectory is exported: some frames of some neurons, read some frames at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from particleflow.arguments import Array, count
from particleflow.errors import TrajectoryError
from particleflow.trajectory import Axes, Trajectory

PAIRS = 1 << 22
"""About how many pairs of a frame and a neuron are read at a time."""


@dataclass(frozen=True)
class Block:
    """Some consecutive frames among the chosen ones, with the chosen neurons.

    Data is read when it is first asked for.

    Attributes
    ----------
    where : slice
        The place of these frames among the chosen ones.
    """

    where: slice
    _choice: "Choice"

    @cached_property
    def position(self) -> np.ndarray:
        """(rhat, theta) of the neurons at the frames of the block, (f, k, 2)."""
        return self._choice.trajectory.position(self._frames)[:, self._choice.rows]

    @cached_property
    def points(self) -> np.ndarray:
        """Points (cos theta, sin theta, rhat) on a cylinder, (f, k, 3), in the file's precision."""
        rhat, theta = np.moveaxis(self.position, -1, 0)
        angle = theta.astype(np.float64)
        return np.stack([np.cos(angle), np.sin(angle), rhat], axis=-1).astype(rhat.dtype)

    @cached_property
    def cell(self) -> np.ndarray:
        """Cells of the neurons at the frames of the block, (f, k) int32."""
        return self._choice.trajectory.cell(self._frames)[:, self._choice.rows]

    @cached_property
    def knots(self) -> Array:
        """Knots of the neurons at the frames of the block, (f, k) float64."""
        return self._choice.trajectory.knots_of(self.position, self.cell)

    @property
    def _frames(self) -> slice:
        """The frames of the block, as a slice of the trajectory's frames."""
        some = self._choice.frames[self.where]
        return slice(some.start, some.stop, some.step)


class Series(NamedTuple):
    """An observable at its own times, or if it was recorded with the frames, at the chosen frames.

    Attributes
    ----------
    name : str
        The name in the export, an identifier.
    is_at_frames : bool
        Whether it was recorded with the frames.
    time : (t,) float64
    values : (t, ...)
    axes : Axes
        Labels of the axes of ``values`` after the first, by the names of the axes.
    """

    name: str
    is_at_frames: bool
    time: Array
    values: np.ndarray
    axes: Axes


@dataclass(frozen=True)
class Choice:
    """The frames and neurons of a trajectory that are exported.

    Attributes
    ----------
    trajectory : Trajectory
    counts : tuple of int
        Numbers of frames and of observable times that the trajectory had when the choice was made:
        a run may go on writing it.
    frames : range
        Indices of the chosen frames.
    rows : (k,) int64
        Indices of the chosen neurons among the recorded ones.
    """

    trajectory: Trajectory
    counts: tuple[int, int]
    frames: range
    rows: np.ndarray

    @classmethod
    def of(cls, trajectory: Trajectory, stride: int, neurons: int | Literal["all"]) -> "Choice":
        """Choose every ``stride``-th frame, and so many of the recorded neurons, evenly spread.

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
        """The numbers by which the run knows the chosen neurons, (k,)."""
        return self.trajectory.ids[self.rows]

    @property
    def delta(self) -> Array | None:
        """The delta of the chosen neurons, (k,); None in the euclidean metric."""
        delta = self.trajectory.delta
        return None if delta is None else delta[self.rows]

    @property
    def mass(self) -> Array | None:
        """The weights of the chosen neurons, (k,); None if all are equal."""
        mass = self.trajectory.mass
        return None if mass is None else mass[self.rows]

    @property
    def constants(self) -> dict[str, Array]:
        """What the chosen neurons keep at all frames, delta and mass as far as there are any."""
        found = {"delta": self.delta, "mass": self.mass}
        return {name: values for name, values in found.items() if values is not None}

    @property
    def precision(self) -> np.dtype[Any]:
        """The dtype in which positions are recorded."""
        return self.trajectory.position(0, slice(1)).dtype

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of chosen frames and neurons."""
        return len(self.frames), self.rows.size

    @property
    def description(self) -> str:
        """The chosen frames and neurons in words."""
        trajectory, stride = self.trajectory, self.frames.step
        of_frames = f"all {self.counts[0]:,} frames"
        if stride > 1:
            of_frames = f"one in {stride} of {self.counts[0]:,} frames"
        if self.rows.size == trajectory.size:
            return f"{of_frames}, all {trajectory.size:,} neurons"
        return f"{of_frames}, {self.rows.size:,} of {trajectory.size:,} neurons, evenly spread"

    def blocks(self) -> Iterator[Block]:
        """The chosen frames in blocks, each of as many frames as `PAIRS` allows."""
        # all recorded neurons count: frames are read whole before the chosen rows are taken
        step = max(1, PAIRS // self.trajectory.ids.size)
        for lo in range(0, len(self.frames), step):
            yield Block(slice(lo, min(lo + step, len(self.frames))), self)

    def series(self) -> Iterator[Series]:
        """All observables of the trajectory, as `Series` describes them."""
        for path in self.trajectory.observables:
            time, values = self.trajectory.observable(path, self.counts)
            at_frames, axes = self.trajectory.axes(path)
            if at_frames:
                time, values = time[:: self.frames.step], values[:: self.frames.step]
            name = path.removeprefix("neurons/").replace("/", "_")
            yield Series(name, at_frames, time, values, axes)
