"""The states that are timed."""

from functools import lru_cache

import particleflow as pf
from particleflow.backend import State, speed


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
