"""Writing trajectories: what a run records in its file, and when."""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from particleflow import arguments
from particleflow.arguments import Array, PathLike
from particleflow.errors import TrajectoryError
from particleflow.files import disk
from particleflow.run.observables import DEFAULT, build, check_names
from particleflow.run.observed import Observed

from . import create, skeleton
from .continuation import Continuation
from .fidelity import ALLOWED, expected_error
from .parts import Parts
from .recording import Recording, Stand
from .skeleton import Plan
from .times import MOST_FRAMES, OWN, Pace, Spacing, finer_times, frame_times

Precision = Literal["float32", "float64"]


class TrajectoryWriter:
    """Records a run in an H5MD file (see ``trajectory.schema``).

    Parameters
    ----------
    path : path
        The file to make, when the run begins; its folder must exist.
    frames : int
        Number of frames, 2 to 1,000,000: the start and the end of the run are two of them.
    spacing : {"linear", "geometric", "power"}
        How the frames follow each other in time: ``trajectory.times.frame_times`` says how.
    times : array_like, optional
        Times of the frames, ascending and within the run, in place of ``frames`` and ``spacing``.
    neurons : "all" or int
        How many neurons to record; a number chooses an evenly spread subset.
    precision : {"float32", "float64"}, optional
        Precision of the positions. By default it is float32, unless all neurons are recorded and
        float32 is not expected to carry the function at the start to 1e-3 of the samples' spread
        (see ``trajectory.fidelity``).
    observables : sequence of str
        Names out of ``particleflow.run.observables.BUILT_IN``.
    observable_times : array_like, optional
        Times at which observables are recorded; by default ten equal parts of the time between
        frames. Observables whose first axis is longer than 256 are recorded with the frames. Each
        observable is evaluated once more when the file is made, for its shape.
    overwrite : bool
        Whether an existing file may be replaced.
    first : float
        Time from the start to the second frame, for other than linear spacing.
    checkpoint_every : float, optional
        Seconds between checkpoints, from which ``particleflow.resume`` goes on. They lie beside
        the file as ``FILE.h5.ckpt`` and ``FILE.h5.ckpt.1``. One more is written at the end, and
        one before the run is interrupted; if infinite, no others are written. By default there are
        no checkpoints.

    Attributes
    ----------
    notes : list of str
        What a user should know of the file, once it is open; `Simulation.notes` has them too.

    Notes
    -----
    With gradient descent times are rounded to whole steps, and times that fall on the same step
    become one. A run without an end has at most ``frames`` frames, geometric in time, the last at
    its end; when the file is closed it is shortened to the frames that were reached. A writer
    records one run; a further run needs a new writer.

    Raises
    ------
    TrajectoryError
        An argument has a value that is not possible, or the path cannot become a new file.
    """

    def __init__(  # noqa: PLR0913 (public: its options are keywords)
        self,
        path: PathLike,
        frames: int = 201,
        spacing: Spacing = "linear",
        times: ArrayLike | None = None,
        neurons: Literal["all"] | int = "all",
        precision: Precision | None = None,
        observables: tuple[str, ...] | list[str] = DEFAULT,
        observable_times: ArrayLike | None = None,
        overwrite: bool = False,
        first: float = 1e-3,
        checkpoint_every: float | None = None,
    ) -> None:
        self.path = arguments.path_of(path, TrajectoryError)
        self.frames = arguments.count("frames", frames, TrajectoryError, least=2, most=MOST_FRAMES)
        self.spacing: Spacing = _choice("spacing", spacing, get_args(Spacing))
        self.precision: Precision | None = (
            None if precision is None else _choice("precision", precision, get_args(Precision))
        )
        self.neurons = neurons
        if neurons != "all":
            self.neurons = arguments.count("neurons", neurons, TrajectoryError)
        self.observables = check_names(observables)
        self.times = _ascending("times", times)
        self.observable_times = _ascending("observable_times", observable_times)
        self.overwrite = overwrite
        self.first = arguments.positive("first", first, TrajectoryError)
        self.checkpoint_every = checkpoint_every
        if checkpoint_every is not None and checkpoint_every != math.inf:
            self.checkpoint_every = arguments.positive(
                "checkpoint_every", checkpoint_every, TrajectoryError
            )
        self._going_on: Continuation | None = None
        self._recording: Recording | None = None
        self._has_recorded = False
        self.notes: list[str] = []
        disk.check_target(self.path, overwrite)

    def __repr__(self) -> str:
        return (
            f"TrajectoryWriter({str(self.path)!r}, frames={self.frames}, "
            f"neurons={self.neurons!r}, precision={self.precision!r}, "
            f"observables={self.observables}, checkpoint_every={self.checkpoint_every})"
        )

    @classmethod
    def going_on(
        cls,
        path: PathLike,
        sim: Observed,
        position: tuple[int, int],
        until: float | None = None,
        checkpoint_every: float | None = None,
    ) -> "TrajectoryWriter":
        """A writer that goes on in an existing file.

        Parameters
        ----------
        path : path
        sim : Observed
            A simulation in the state in which the recorded run began; it is to be restored to the
            checkpoint afterwards, by `Simulation.restore`.
        position : tuple of int
            Frames and observable times of the file that are kept.
        until : float, optional
            Another end of the run. The file is made anew when the run begins: with fewer of its
            times, or with more of them at the same pace.
        checkpoint_every : float, optional

        Raises
        ------
        TrajectoryError
            The run of the file cannot be resumed.
        """
        writer = cls(path, overwrite=True, checkpoint_every=checkpoint_every)
        writer._going_on = Continuation.of(writer.path, sim, position, until)
        return writer

    @property
    def until(self) -> float:
        """The end of the run that is resumed.

        Raises
        ------
        TrajectoryError
            The writer resumes no run.
        """
        if self._going_on is None:
            raise TrajectoryError(f"{self.path}: resumes no run")
        return self._going_on.plan.until

    def open(self, sim: Observed, until: float) -> Array:
        """Make or open the file for a run to ``until``; returns the times at which to record."""
        if self._going_on is not None:
            return self._open_again(self._going_on, sim, until)
        if self._has_recorded:
            raise TrajectoryError(
                f"{self.path}: has recorded a run; put a new TrajectoryWriter in its place in "
                "sim.writers"
            )
        plan = self.plan(sim, until)
        values = [skeleton.evaluate(quantity) for quantity in plan.quantities]
        self._record(
            sim, Stand(plan, values, (0, 0), plan.start_of(sim)),
            lambda: create.make(self.path, self.overwrite, sim, plan, values),
        )  # fmt: skip
        return plan.all_times

    def plan(self, sim: Observed, until: float) -> Plan:
        """Plan the file of a run to ``until``; nothing is written.

        Raises
        ------
        TrajectoryError
            Times are not within the run, there are fewer neurons than are to be recorded, or an
            observable has no meaning in this metric.
        """
        times = self.times
        if times is None:
            times = frame_times(sim.time, until, self.frames, self.spacing, self.first)
        elif until == math.inf:
            times = np.append(times, until)
        finer = self.observable_times
        if finer is None:
            finer = finer_times(times)
        elif until == math.inf:
            finer = np.append(finer, until)
        for name, array in (("times", times), ("observable_times", finer)):
            if array[0] < sim.time or array[-1] > until * (1 + 1e-12):
                raise TrajectoryError(
                    f"{name}: expected times from {sim.time:g} to {until:g}, "
                    f"found {array[0]:g} to {array[-1]:g}"
                )
        m = sim.size
        n = m if self.neurons == "all" else int(self.neurons)
        if n > m:
            raise TrajectoryError(f"neurons: expected at most {m} or 'all', found {n}")
        return Plan(
            frames=_reachable(sim, times),
            observables=_reachable(sim, finer),
            neurons=n,
            precision=np.dtype(self.precision or _precision_for(sim, n)),
            quantities=[*build(self.observables, sim), *sim.observables],
            begin=sim.time,
            until=until,
            stop=sim.stop,
            pace=self._pace(sim.time, until),
            divides=self.observable_times is None,
        )

    def size(self, sim: Observed, until: float) -> tuple[int, int]:
        """Bytes of the file of a run to ``until``, about, and of memory that writing it takes.

        Raises
        ------
        TrajectoryError
            As in `plan`.
        """
        return self.plan(sim, until).size()

    def _pace(self, begin: float, until: float) -> Pace:
        if self.times is not None:
            return OWN
        return Pace.of(begin, until, self.frames, self.spacing, self.first)

    def _open_again(self, old: Continuation, sim: Observed, until: float) -> Array:
        self._going_on = None  # a run can be gone on with once
        if until != old.plan.until:
            raise TrajectoryError(
                f"{self.path}: records a run to tau = {old.plan.until:g}, found {until:g}; resume "
                "it with that end"
            )
        plan, values, position = old.plan, old.values, old.position

        def make() -> Parts | None:
            if old.is_other_plan:
                return create.remake(self.path, sim, plan, values, position)
            return old.parts

        self._record(sim, Stand(plan, values, position, old.start), make)
        return old.times_left

    def _record(
        self,
        sim: Observed,
        stand: Stand,
        make: Callable[[], Parts | None],
    ) -> None:
        plan = stand.plan
        # before the file is made, so that nothing has been written if memory does not suffice
        buffers = [
            sim.state.new_frame(plan.neurons, plan.precision) for _ in range(skeleton.BUFFERS)
        ]
        parts = make()
        every = self.checkpoint_every
        self._recording = Recording(self.path, parts, sim, stand, buffers, every)
        self._has_recorded = True
        self.notes = self._recording.notes

    def record(self, last: bool = False) -> None:
        """Record the present state, at one of the times that `open` has returned.

        With ``last`` a run without a given end has ended here: a frame is recorded, and observables
        whose cadence falls on this time.
        """
        if self._recording is None:
            raise TrajectoryError(f"{self.path}: is not open")
        self._recording.record(last)

    def end(self, sim: Observed) -> None:
        """Shorten the file of a run that had ended by itself before it was killed, and close it."""
        self.open(sim, self.until)
        assert self._recording is not None
        self._recording.end()
        self.close()

    def pause(self, now: bool = False) -> None:
        """Look after the file between two steps, and write a checkpoint if one is due or ``now``.

        Raises
        ------
        WriteError
            The disk refuses data, or the file was removed or replaced.
        """
        if self._recording is not None:
            self._recording.pause(now)

    def close(self) -> None:
        """Wait until everything is written and close the file.

        Raises
        ------
        WriteError
            Something could not be written.
        """
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()


def _precision_for(sim: Observed, n: int) -> Precision:
    """The precision of the positions of n neurons, if the user has asked for none."""
    # a subset cannot give the function, whatever its precision
    is_whole = n == sim.size
    return "float64" if is_whole and not expected_error(sim) <= ALLOWED else "float32"


def _reachable(sim: Observed, times: Array) -> Array:
    """The times that the simulation can show, and infinity where it stands for the run's end."""
    finite = sim.reachable(times[np.isfinite(times)])
    return np.append(finite, times[times == math.inf])


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise TrajectoryError(f"{name}: expected one of {', '.join(choices)}, found {value!r}")
    return value


def _ascending(name: str, times: ArrayLike | None) -> Array | None:
    if times is None:
        return None
    array = arguments.vector(name, times, TrajectoryError)
    if array.size == 0 or (np.diff(array) <= 0).any():
        raise TrajectoryError(f"{name}: expected ascending times")
    return array
