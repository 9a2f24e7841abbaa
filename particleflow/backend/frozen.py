"""The exact flow of all neurons in frozen fields, from the begin of a step."""

from typing import NamedTuple

import numpy as np

from particleflow._cast import Array
from particleflow.kernels import advance as events
from particleflow.kernels import cpu

from .state import State, field

SORT_SHARE = 0.02
"""Slots are sorted again when this share of the neurons has changed cell since they were."""


class Arrival(NamedTuple):
    """What a frozen field has made of the neurons.

    Attributes
    ----------
    finite : bool
        Whether all of it is, and every neuron has arrived; nothing else is valid if not.
    residual : (s,) float64
    covariances : (2 s, 3) float64
        Sigma_k of the tangent kernel, sliding neurons included.
    tally : (TALLIES,) int64
        Events on the way (see ``kernels.advance``).
    """

    finite: bool
    residual: Array
    covariances: Array
    tally: np.ndarray


class _Buffers(NamedTuple):
    variables: Array
    cell: np.ndarray

    @classmethod
    def like(cls, other: "_Buffers") -> "_Buffers":
        return cls(np.empty_like(other.variables), np.empty_like(other.cell))


class FrozenFlow:
    """A step of a `State` with its begin, its end, and the moments between them.

    The state itself shows one of them: the begin at first, then what `show` and `show_end` say.
    Between steps, in `commit`, slots are sorted again where it pays; until then neurons may lie in
    regions of other cells, whatever ``members`` says.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._begin = _Buffers(state.variables, state.cell)
        self._end = _Buffers.like(self._begin)
        self._between: _Buffers | None = None
        self._changes = np.zeros(state.slots.size - 1, np.int64)
        self._changes_of_step = self._unsorted = 0
        self._counts = np.zeros(events.TALLIES, np.int64)  # up to the begin
        self._counts[events.REPULSORS] = state.repulsors = int(
            cpu.repulsor_starts(*state.variables, state.cell, state.field(), state.x)
        )
        self._by_sector = state.start.shape[1] > 2
        self._arrival: Arrival | None = None

    def look(self, mean_residual: Array, h: float) -> Arrival:
        """Where the neurons would be after the time h in the field of these residuals."""
        return self._advance(mean_residual, h, self._end, keep=False)

    def go(self, mean_residual: Array, h: float) -> Arrival:
        """The same, and keep it as the end of the step."""
        self._arrival = self._advance(mean_residual, h, self._end, keep=True)
        self._changes_of_step = int(self._changes.sum())
        return self._arrival

    def show(self, mean_residual: Array, h: float) -> bool:
        """Let the state be what it is after the time h, on the way to the end; whether it can."""
        if self._between is None:
            self._between = _Buffers.like(self._begin)
        arrival = self._advance(mean_residual, h, self._between, keep=True)
        if arrival.finite:
            self._set(self._between, arrival)
        return arrival.finite

    def show_end(self) -> None:
        """Let the state be the end of the step."""
        assert self._arrival is not None
        self._set(self._end, self._arrival)

    def commit(self) -> None:
        """The end becomes the begin of a next step; the state shows it."""
        assert self._arrival is not None
        self._begin, self._end = self._end, self._begin
        self._counts += self._arrival.tally
        state, arrival = self._state, self._arrival
        self._unsorted += self._changes_of_step
        if self._by_sector and self._unsorted > SORT_SHARE * state.size:
            self._unsorted = 0
            variables, cell = self._begin
            cpu.sort_slots(*variables, cell, state.ident, state.slots, state.start, state.members)
        self._set(self._begin, arrival._replace(tally=np.zeros_like(arrival.tally)))
        self._arrival = None

    def _advance(self, mean_residual: Array, h: float, to: _Buffers, keep: bool) -> Arrival:
        state = self._state
        s = state.x.size
        arrival = Arrival(
            True, np.empty(s), np.empty((2 * s, 3)), np.zeros(events.TALLIES, np.int64)
        )
        finite = cpu.advance(
            *self._begin.variables,
            self._begin.cell,
            *to.variables,
            to.cell,
            state.slots,
            state.start,
            keep,
            field(mean_residual, state.x),
            state.x,
            state.y,
            h,
            arrival.residual,
            arrival.covariances,
            arrival.tally,
            self._changes,
        )
        return arrival._replace(finite=bool(finite))

    def _set(self, buffers: _Buffers, arrival: Arrival) -> None:
        state = self._state
        state.variables, state.cell = buffers
        state.residual = arrival.residual
        counts = self._counts + arrival.tally
        state.crossings[0] = counts[events.CROSSINGS]
        state.releases = int(counts[events.RELEASES])
        state.repulsors = int(counts[events.REPULSORS])
        state.origins = int(counts[events.ORIGINS])
