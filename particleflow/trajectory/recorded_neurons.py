"""The neurons of a recorded frame, as initial neurons of another run."""

from particleflow.arguments import PathLike, existing_file
from particleflow.errors import NeuronsError
from particleflow.model.cells import Cells
from particleflow.model.neurons import READERS, Neurons

from .reader import open_trajectory


class RecordedNeurons:
    """The neurons of a frame of a trajectory, read when they are asked for.

    Parameters
    ----------
    path : path
        A trajectory that holds all neurons of its run.
    frame : int
        The frame to read; negative numbers count from the end.

    Raises
    ------
    NeuronsError, TrajectoryError
        The file is missing, is no trajectory of all neurons, or has no such frame.
    """

    def __init__(self, path: PathLike, frame: int = -1) -> None:
        self._path, self._frame = existing_file(path, NeuronsError), frame
        with open_trajectory(self._path) as trajectory:
            # reads one neuron only, to refuse a wrong frame or a subset before a run begins
            trajectory.parameters(frame, slice(1))
            self.size, self.alpha = trajectory.size, trajectory.alpha
            self._mass = trajectory.mass

    def __repr__(self) -> str:
        return f"RecordedNeurons({str(self._path)!r}, frame={self._frame})"

    def part(self, first: int, last: int) -> Neurons:
        """Read the neurons first .. last - 1, with their cells."""
        with open_trajectory(self._path) as trajectory:
            some = slice(first, last)
            read = Neurons(
                *trajectory.parameters(self._frame, some),
                alpha=self.alpha,
                cells=Cells(trajectory.samples.network_x, trajectory.cell(self._frame, some)),
            )
        return read if self._mass is None else read.as_part(self._mass[some])


# `Neurons.from_file` finds this class here: `model` must not import `trajectory`, which is above it
READERS[".h5"] = RecordedNeurons
