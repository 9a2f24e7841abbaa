"""What tests drive directly inside the engine: single neurons and passes in frozen fields.

Everything else goes through public names, so that the inside may change.
"""

import numpy as np

from particleflow.backend import field
from particleflow.kernels import _jit, cpu
from particleflow.kernels.events import REPULSORS, TALLIES, go_on, ray_of, recheck
from particleflow.kernels.host.arrivals import room_to_arrive
from particleflow.kernels.maps import frozen_field, maps_of
from particleflow.kernels.motion import set_out
from particleflow.kernels.records import Neurons, Stored, rows_of


@_jit.driver
def advance_each(z, cell, h, field, x, tally):
    """Move every neuron through its events alone, in place; ``field`` is one for all."""
    frozen = frozen_field(field, x)
    for i in range(cell.size):
        k, left = cell[i], ray_of(cell[i], x.size)
        if left >= 0:
            k, is_repelled = recheck(z[0, i], z[2, i], left, frozen.rays)
            tally[i][REPULSORS] += is_repelled
        z[0, i], z[1, i], z[2, i], cell[i] = go_on(
            z[0, i], z[1, i], z[2, i], k, h, left, frozen, tally[i]
        )


@_jit.driver
def move_each(z, cell, h, field, x):
    """Move every neuron by maps, legs and events, in place, as all targets do; returns a tally."""
    frozen = frozen_field(field, x)
    maps = maps_of(frozen, h)
    tally = np.zeros(TALLIES, np.int64)
    for i in range(cell.size):
        a, b, c, k, time, left, arrived = set_out(
            z[0, i], z[1, i], z[2, i], cell[i], h, frozen, maps, tally
        )
        if not arrived:
            a, b, c, k = go_on(a, b, c, k, time, left, frozen, tally)
        z[0, i], z[1, i], z[2, i], cell[i] = a, b, c, k
    return tally


def frozen_passes(state, h, steps=1):
    """Passes of a state in the fields of its residuals, in place; what the last one adds up to.

    Regions are left as they are.
    """
    s, m = state.x.size, state.size
    arrival = room_to_arrive(s)
    for _ in range(steps):
        new, cell = np.full((3, m), np.nan), np.full(m, -1, np.int32)
        changes = cpu.exact_pass(
            state.neurons, Neurons(*new, cell), state.order, state.field(), h, state.samples,
            arrival,
        )  # fmt: skip
        assert changes >= 0
        state.variables, state.cell = new, cell
        state.residual = arrival.residual.copy()
    return arrival


def pass_from_begin(flow, rho, h):
    """A pass of an exact flow from the begin of its step in the field of these residuals.

    Returns what the new neurons add up to; they are where a time inside a step is.
    """
    state, s = flow._state, rho.size
    if flow._between is None:
        empty, like = state.kernels.empty, state.variables
        flow._between = Stored(empty(like.shape, like.dtype), empty(like.shape[1:], np.int32))
    arrival = room_to_arrive(s)
    changes = state.kernels.exact_pass(
        rows_of(flow._at_begin), rows_of(flow._between), state.order, field(rho, state.x), h,
        state.samples, arrival, state.whole,
    )  # fmt: skip
    assert changes >= 0
    return arrival


def flow_of(sim):
    """The exact flow of a simulation by `pf.Boost`, with its present step."""
    return sim._motion._flow


def one_trial(sim):
    """Let a simulation by `pf.Boost` make one trial step."""
    sim._motion._take_steps(np.inf, 1)


def set_allowed(sim, error):
    """Hold the steps of a simulation by `pf.Boost` to another error."""
    sim._motion._flow._allowed = error


def next_step_of(sim):
    """Length of the next trial of a simulation by `pf.RungeKutta`."""
    return sim._motion._h


def set_next_step(sim, h):
    """Let the next trial of a simulation by `pf.RungeKutta` have this length."""
    sim._motion._h = h


def step_towards(sim, until):
    """Let a simulation by `pf.RungeKutta` take one step."""
    sim._motion._take_step(until)


def begin_where_shown(flow, state):
    """Let the next pass of an exact flow begin where its last kept one has led."""
    begin = flow._at_begin
    flow._at_begin, flow._between = flow._between, begin
    state.variables, state.cell = flow._at_begin
