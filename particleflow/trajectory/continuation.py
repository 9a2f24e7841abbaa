"""What resuming needs to know of a recorded run: its record, and what is left to record."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.files import hdf5
from particleflow.files.opening import open_to_read
from particleflow.run.observed import Observed

from . import skeleton, times
from .parts import Parts
from .schema import CHECKPOINTED
from .skeleton import Plan


class Recorded(NamedTuple):
    """What a file says of the run that it was recorded from, without samples, alpha and data.

    Attributes
    ----------
    run : str
        Identifier of the run.
    integrator : str
    settings : dict
        Arguments of the integrator.
    until, stop : float
        The end of the run, and the change of the loss that counts as none.
    metric, state_dtype, device, config : str
    decay : float
    seed : int
    every : dict
        Cadences of the user's observables by name.
    stages : list of dict
        The earlier stages: arguments that the integrator had, with the step and the time up to
        which it had them.
    config_folder : str
        Folder of the configuration, relative to the folder of the file; "" if there was none.
    was_saved : bool
        Whether a checkpoint was written.
    """

    run: str
    integrator: str
    settings: dict[str, Any]
    until: float
    stop: float
    metric: Any
    state_dtype: Any
    device: str
    config: str
    seed: int
    every: dict[str, int]
    stages: list[dict[str, Any]]
    config_folder: str
    was_saved: bool
    decay: float

    @classmethod
    def of(cls, path: Path) -> "Recorded":
        """Read the record of a file.

        Raises
        ------
        TrajectoryError
            The file was written by a version that could not resume runs, or is damaged.
        """
        with hdf5.naming(path), open_to_read(path) as file:
            parameters = file["parameters"]
            if "plan" not in parameters:
                raise TrajectoryError(
                    f"{path}: was written by a version whose runs cannot be resumed"
                )
            return cls._of(file, parameters.attrs, parameters["plan"].attrs)

    @classmethod
    def _of(cls, file: h5py.File, attributes: Any, plan: Any) -> "Recorded":
        users = file.get("observables/user", {})
        return cls(
            run=hdf5.string(attributes["run"]),
            integrator=hdf5.string(attributes["integrator"]),
            settings=dict(json.loads(hdf5.string(plan["integrator"]))),
            until=float(plan["until"]),
            stop=float(plan["stop"]),
            metric=hdf5.string(attributes["metric"]),
            state_dtype=hdf5.string(attributes["state_dtype"]),
            device=hdf5.string(attributes["device"]),
            config=hdf5.string(hdf5.read_all(file, "parameters/config")[()]).strip("\0"),
            seed=int(attributes["seed"]),
            decay=float(attributes.get("decay", 0.0)),
            every={name: int(users[name].attrs["every"]) for name in users},
            stages=list(json.loads(hdf5.string(plan.get("stages", b"[]")))),
            config_folder=hdf5.string(attributes.get("config_folder", b"")),
            was_saved=bool(
                # files of particleflow 0.1.0 do not say: one with frames counts as saved
                file[CHECKPOINTED][0] if CHECKPOINTED in file else file["parameters/progress"][0]
            ),
        )


@dataclass(frozen=True)
class Continuation:
    """What a writer needs to go on in a file: its plan, the place reached, the state at its start.

    Attributes
    ----------
    plan : Plan
    values : list of array
        A value of each quantity of the plan, for shapes and dtypes.
    position : tuple of int
        Frames and observable times that are kept.
    start : dict of arrays
        What checkpoints need of the state in which the run began.
    is_other_plan : bool
        Whether the file has to be made anew: the plan, the shares of the ranks or the layout
        differ from those of the file.
    parts : Parts or None
        Parts of the file.
    """

    plan: Plan
    values: list[np.ndarray]
    position: tuple[int, int]
    start: dict[str, np.ndarray]
    is_other_plan: bool
    parts: Parts | None

    @classmethod
    def of(
        cls, path: Path, sim: Observed, position: tuple[int, int], until: float | None
    ) -> "Continuation":
        """Read the continuation of a file, for a simulation that stands where its run began.

        If ``until`` is given, the file will be made anew where that is not the end in its plan,
        or where the run has had several stages.

        Raises
        ------
        TrajectoryError
            The file is damaged, has no room for ``position``, holds other observables of users,
            or its run has no other end.
        """
        with hdf5.naming(path), open_to_read(path) as file:
            plan, parts = Plan.of_file(file, sim), Parts.of(path, file)
            fits = parts is None and skeleton.is_writable_in_place(file)
        if not (0 <= position[0] <= plan.frames.size and 0 <= position[1] <= plan.observables.size):
            raise TrajectoryError(f"{path}: has no room for {position[0]} frames")
        values = [skeleton.evaluate(quantity) for quantity in plan.quantities]
        is_staged = bool(sim.provenance.get("stages"))
        # stages are written only when a file is made, so that a stage that begins needs a new one
        is_other = until is not None and (until != plan.until or is_staged)
        start = plan.start_of(sim)
        if is_other and until is not None:
            plan = _until(plan, sim, until, position)
        if sim.ranks.size > 1:
            own = sim.state.share.rows(plan.neurons)
            rows = [first for first, _ in sim.ranks.all_of(own)]
            fits = parts is not None and parts.rows.tolist() == [*rows, plan.neurons]
        return cls(plan, values, position, start, is_other or not fits, parts)

    @property
    def times_left(self) -> Array:
        """Times at which to record, ascending."""
        left = np.union1d(
            self.plan.frames[self.position[0] :], self.plan.observables[self.position[1] :]
        )
        return left[np.isfinite(left)]


def _until(plan: Plan, sim: Observed, end: float, position: tuple[int, int]) -> Plan:
    """The plan with another end, of which so many frames and observable times are recorded."""
    if plan.until == np.inf or end == np.inf:
        raise TrajectoryError(
            't_end: a run that ends by itself has no other end; init = "file" begins another with '
            "its neurons"
        )
    frames = times.until(plan.frames, end, plan.pace)
    if plan.divides:
        # up to the last frame that both plans have, intervals are divided as they were
        shared = min(plan.frames.size - 1, frames.size - 1)
        while shared > 0 and frames[shared] != plan.frames[shared]:
            shared -= 1
        kept = plan.observables[plan.observables <= frames[shared]]
        observables = np.concatenate([kept, times.finer_times(frames[shared:])[1:]])
    else:
        observables = times.until(plan.observables, end, times.OWN)
    # what has been recorded stays: the old end may have divided its interval otherwise, and the
    # times of another stage cannot be reached any more
    return replace(
        plan,
        frames=_followed(plan.frames[: position[0]], frames, sim),
        observables=_followed(plan.observables[: position[1]], observables, sim),
        until=end,
    )


def _followed(recorded: Array, wanted: Array, sim: Observed) -> Array:
    """The recorded times, and after them the times nearest to wanted ones that the run can show."""
    if not recorded.size:
        return sim.reachable(wanted)
    # compared again afterwards: reachable() rounds, and may come back to the last recorded time
    later = sim.reachable(wanted[wanted > recorded[-1] * (1.0 + 1e-12)])
    return np.concatenate([recorded, later[later > recorded[-1] * (1.0 + 1e-12)]])
