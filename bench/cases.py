"""The states that are timed."""

from functools import lru_cache

import numpy as np

import particleflow as pf
from particleflow.backend import State, field, speed
from particleflow.kernels import cpu
from particleflow.kernels.cpu.passes import pass_alone
from particleflow.kernels.host.arrivals import room_to_arrive
from particleflow.kernels.records import Neurons, Regions


@lru_cache(maxsize=4)
def neurons(m, init="reduced", delta=1.0):
    """Neurons of an initialisation; a quarter of them is dead on samples in [-1, 1]."""
    options = {"delta": delta} if init == "reduced" else {}
    return pf.initialise(init, m, seed=0, **options)


spread_out = lru_cache(maxsize=1)(speed.spread_out)
"""Neurons of which none is dead, all sectors alike; those of the last m are kept."""


def square_wave(s):
    """s samples of a square wave."""
    return pf.Samples.generate("square_wave", s)


def state_of(parameters, s, integrator, device="cpu", dtype="float64"):
    """A state on the square wave in the order that this integrator wants."""
    samples = square_wave(s)
    return State(samples.x, samples.y, parameters, "network", integrator.run_length,
                 integrator.sorted_from, device, dtype)  # fmt: skip


class Pass:
    """Passes of a state through the frozen field of residuals, into arrays of their own."""

    def __init__(self, state, rho):
        kernels, like = state.kernels, state.variables
        self._state, self._field = state, field(rho, state.x)
        self._end = Neurons(
            *kernels.empty(like.shape, like.dtype), kernels.empty(state.cell.shape, np.int32)
        )

    def __call__(self, h):
        """What the neurons add up to after the time h."""
        state, s = self._state, self._state.x.size
        arrival = room_to_arrive(s)
        if state.kernels is cpu:  # as the steps of a run call it, not as those of many ranks do
            places = Regions(state.order.slots, state.order.start)
            changes = pass_alone(
                state.neurons, self._end, places, self._field, h, state.samples, arrival
            )
        else:
            changes = state.kernels.exact_pass(
                state.neurons, self._end, state.order, self._field, h, state.samples, arrival
            )
        return arrival if changes >= 0 else None
