"""The exact flow of all neurons in frozen fields: passes over them, and steps."""

from collections.abc import Mapping

import numpy as np

from particleflow.kernels import events
from particleflow.kernels.host import control as steps
from particleflow.kernels.host.arrivals import room_to_arrive
from particleflow.kernels.host.decay import MOST_DECAY as _MOST_DECAY
from particleflow.kernels.records import Arrival, Control, Flow, Limits, Shown, Stored

from .snapshot import like, order_of, original_order
from .state import State

ARRIVED, UNDER_WAY = steps.ARRIVED, steps.UNDER_WAY
UNTAME, SHRUNK = steps.UNTAME, steps.SHRUNK
OVERFLOWN = steps.OVERFLOWN
MOST_DECAY = _MOST_DECAY
"""Longest step of any integrator, in units of 1 / lambda of weight decay."""

_NEVER = np.iinfo(np.int64).min // 2  # so many changes of cell are left until slots are sorted


def _most_held(covariances: np.ndarray) -> np.ndarray:
    """An upper bound of ``Arrival.held``, (2 s,), from covariances in which all that slide are."""
    return covariances[:, 0] + covariances[:, 2]


def _with_defaults(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a snapshot, with those that older versions have not written.

    They have not added up what is held, and knew no weight decay.
    """
    missing = {}
    for which in ("first", "last"):
        missing[f"{which}_held"] = _most_held(np.asarray(arrays[f"{which}_covariances"]))
        missing[f"{which}_sigma"] = np.array([1.0, 0.0])
    return missing | dict(arrays)


def _room_for_neurons(state: State) -> Stored:
    """Device arrays for all neurons at another time."""
    empty, like = state.kernels.empty, state.variables
    return Stored(empty(like.shape, like.dtype), empty(state.cell.shape, state.cell.dtype))


class ExactFlow:
    """Steps of a `State` under the exact flow, with the neurons at both ends of the present step.

    The state shows a time of the present step: its begin, its end, or one inside (`shown`). Slots
    are sorted again between steps where it pays. Until then neurons may lie in regions of other
    cells, and ``members`` of the order is not kept up to date.

    Parameters
    ----------
    state : State
        Network metric; modified in place.
    allowed : float
        Largest error of a step, root mean square of the residuals.
    fixed : float
        Length of all steps, 0 if they are adaptive.
    """

    def __init__(self, state: State, allowed: float, fixed: float = 0.0) -> None:
        self._state = state
        self._allowed, self._fixed = allowed, fixed
        self._at_begin = Stored(state.variables, state.cell)
        self._at_end = _room_for_neurons(state)
        self._between: Stored | None = None
        self._first, self._last = room_to_arrive(state.x.size), room_to_arrive(state.x.size)
        self._first.residual[:], self._first.sigma[:] = state.residual, state.sigma
        both = state.covariances().reshape(2, -1, 3)
        self._first.covariances[:] = both.sum(axis=0)
        self._first.held[:] = _most_held(both[1])
        self._first.tally[events.REPULSORS] = state.repulsors = state.repulsor_starts()
        self._change = np.zeros((2 * state.x.size, 3))
        self._clock = np.zeros(4)
        self._clock[steps.LAST_ERROR] = 1.0
        self._counts = np.zeros(6, np.int64)
        self.next_step = fixed
        self.shown = 0.0

    @property
    def size(self) -> int:
        """Number of neurons m."""
        return self._state.size

    @property
    def begin(self) -> float:
        """Time tau of the begin of the present step."""
        return float(self._clock[steps.BEGIN])

    @property
    def end(self) -> float:
        """Time tau of the end of the present step."""
        return float(self._clock[steps.END])

    @property
    def next_step(self) -> float:
        """Length of the next trial step."""
        return float(self._clock[steps.NEXT])

    @next_step.setter
    def next_step(self, h: float) -> None:
        self._clock[steps.NEXT] = h

    @property
    def step(self) -> int:
        """Number of steps taken, the present one included."""
        return int(self._counts[steps.STEPS])

    @property
    def rejected(self) -> int:
        """Number of trial steps that were thrown away."""
        return int(self._counts[steps.REJECTED])

    def take_steps(self, until: float, most_trials: int) -> int:
        """Take steps in one call of the kernels, until one contains the time ``until``.

        The state then shows that time; if none contains it, the begin of the last step. A time of
        the present step takes no steps that count, though steps of its own may lead there.

        Returns
        -------
        int
            `ARRIVED`; `UNDER_WAY` if the trials are used up; `UNTAME` if the tangent kernel is too
            large; `SHRUNK` if the step is below rounding; `OVERFLOWN` if a fixed step led to a
            state that is not finite.
        """
        state = self._state
        if self._between is None:
            self._between = _room_for_neurons(state)
        between = Shown(self._between, room_to_arrive(state.x.size))
        flow = Flow(self._at_begin, self._at_end, self._first, self._last, self._change)
        control = Control(self._clock, self._counts)
        limits = Limits(self._allowed, self._fixed, until, most_trials, state.decay)
        status = self._call(flow, control, limits, between)
        # each new step begins in the arrays of the last one's end, which the kernels do not move
        if self._counts[steps.EXCHANGES] % 2:
            self._at_begin, self._at_end = self._at_end, self._at_begin
        self._counts[steps.EXCHANGES] = 0
        if status == steps.LOST_INSIDE:
            status, between = self._steps_inside(until, between)
        if status != ARRIVED or until <= self.begin:
            self._show(self.begin, self._at_begin, self._first)
        elif until == self.end:
            self.show_end()
        else:
            self._between = between.neurons
            self._show(until, self._between, self._since_start(between.arrival))
        return status

    def _call(self, flow: Flow, control: Control, limits: Limits, shown: Shown) -> int:
        state = self._state
        return int(
            state.kernels.boost_steps(
                flow, state.order, state.samples, control, limits, shown, state.whole
            )
        )

    def _steps_inside(self, until: float, shown: Shown) -> tuple[int, Shown]:
        """Go from the begin of the present step to a time inside by steps of their own.

        They adapt to the tolerance and leave the present step as it is. Single passes can miss the
        times inside a step whose end they reach: the fields in which they are made are others. That
        is rare, so that a copy of the neurons and a new way for each such time do no harm.

        Returns
        -------
        status : int
            `ARRIVED`, or why not, as of `take_steps`.
        shown : Shown
            The state at that time, if there is one.
        """
        begin, end, last = self._copied(self._at_begin), shown.neurons, shown.arrival
        first = Arrival(*(part.copy() for part in self._first))
        first.tally[:] = 0
        control = Control(self._clock.copy(), self._counts.copy())
        clock = control.clock
        clock[steps.END], clock[steps.NEXT] = self.begin, until - self.begin
        control.counts[steps.UNSORTED] = _NEVER
        limits = Limits(self._allowed, 0.0, np.inf, 1, self._state.decay)
        change = self._change * (clock[steps.NEXT] / (self.end - self.begin))
        while until - clock[steps.END] > steps.LEAST_STEP * until:
            clock[steps.NEXT] = min(clock[steps.NEXT], until - clock[steps.END])
            status = self._call(Flow(begin, end, first, last, change), control, limits, shown)
            if control.counts[steps.EXCHANGES] % 2:
                begin, end = end, begin
            control.counts[steps.EXCHANGES] = 0
            if status != UNDER_WAY:
                return status, shown
        if clock[steps.END] == self.begin:  # so near that no step is that short
            return ARRIVED, Shown(begin, first)
        return ARRIVED, Shown(end, last._replace(tally=first.tally + last.tally))

    def _copied(self, neurons: Stored) -> Stored:
        """A copy of these device arrays."""
        kernels = self._state.kernels
        return Stored(*(kernels.upload(np.array(kernels.download(a)), a.dtype) for a in neurons))

    def show_end(self) -> None:
        """Let the state show the end of the present step, or its begin if no step is pending."""
        if self.end > self.begin:
            self._show(self.end, self._at_end, self._since_start(self._last))
        else:  # what lies at the end is that of a trial that was rejected
            self._show(self.begin, self._at_begin, self._first)

    def _since_start(self, arrival: Arrival) -> Arrival:
        """The sums at a time of the present step, with all events since the start."""
        return arrival._replace(tally=self._first.tally + arrival.tally)

    def _show(self, time: float, buffers: Stored, arrival: Arrival) -> None:
        state = self._state
        state.variables, state.cell = buffers
        state.residual, state.sigma = arrival.residual.copy(), arrival.sigma.copy()
        state.set_crossings(int(arrival.tally[events.CROSSINGS]))
        state.releases = int(arrival.tally[events.RELEASES])
        state.repulsors = int(arrival.tally[events.REPULSORS])
        state.origins = int(arrival.tally[events.ORIGINS])
        self.shown = time

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues.

        The begin of the step is left out once its end is shown: nothing before will be shown again.
        """
        download = self._state.kernels.download
        is_pending, is_over = self.end > self.begin, self.shown >= self.end
        buffers = {"begin": self._at_begin} if not (is_pending and is_over) else {}
        if is_pending:
            buffers["end"] = self._at_end
        arrays = {
            "clock": self._clock,
            "flow_counts": self._counts,
            "change": self._change,
            "allowed": np.array(self._allowed),
        }
        for name, (variables, cell) in buffers.items():
            arrays[f"{name}_variables"] = np.asarray(download(variables))
            arrays[f"{name}_cell"] = np.asarray(download(cell))
        for name, arrival in (("first", self._first), ("last", self._last)):
            for part in Arrival._fields:
                arrays[f"{name}_{part}"] = getattr(arrival, part)
        return self._state.snapshot(neurons=False) | arrays

    def restore(self, arrays: Mapping[str, np.ndarray], shown: float) -> None:
        """Continue from the arrays of a `snapshot`; the state shows the time ``shown``.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes, or hold no state at the time ``shown``.
        """
        arrays = _with_defaults(arrays)
        has_begin, has_end = "begin_variables" in arrays, "end_variables" in arrays
        base = "begin" if has_begin else "end"
        own = {name: arrays[f"{base}_{name}"] for name in ("variables", "cell")}
        same = self._state.restore({**arrays, **own})
        for now, name in (
            (self._clock, "clock"), (self._counts, "flow_counts"), (self._change, "change"),
            *((getattr(arrival, part), f"{which}_{part}")
              for which, arrival in (("first", self._first), ("last", self._last))
              for part in Arrival._fields),
        ):  # fmt: skip
            now[...] = like(now, arrays, name)
        self._counts[steps.EXCHANGES] = 0  # older versions have left a count of their last call
        self._allowed = float(arrays["allowed"])
        loaded = Stored(self._state.variables, self._state.cell)
        if not has_begin:
            self._at_begin, self._at_end = _room_for_neurons(self._state), loaded
        else:
            self._at_begin = loaded
            if has_end:
                self._at_end = self._loaded_end(arrays, same)
        if not shown <= self.end or (shown < self.end and not has_begin):
            raise ValueError("the time that was shown is not in the step")
        if self.take_steps(shown, 0) != ARRIVED:
            raise ValueError("the time that was shown cannot be reached")
        if same:  # what was shown between counts for when to sort
            self._state.restore_order(arrays)

    def _loaded_end(self, arrays: Mapping[str, np.ndarray], same: bool) -> Stored:
        """The end of the step from a snapshot, in the order of the state.

        ``same`` says whether the arrays have that order already.
        """
        state, to = self._state, self._at_end
        variables = like(to.variables, arrays, "end_variables")
        cell = like(to.cell, arrays, "end_cell")
        if not same:
            variables, cell = original_order(arrays, "end_variables", "end_cell")
            order = order_of(state.snapshot(neurons=False))
            variables, cell = np.ascontiguousarray(variables[:, order]), cell[order]
        upload = state.kernels.upload
        return Stored(upload(variables, to.variables.dtype), upload(cell, to.cell.dtype))
