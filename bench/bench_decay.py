"""What weight decay costs a step, and what a product with the Hessian costs beside a pass."""

import time

import numpy as np
import pytest
from cases import neurons, square_wave

import particleflow as pf

DECAY = 1e-9
"""So little that both runs meet the same events: only what decay costs differs."""
RUNS = {
    "boost": (pf.Boost(step=0.02), 1.0),
    "gd": (pf.GradientDescent(0.01), 1.0),
    "rk": (pf.RungeKutta(1e-3), 0.3),
}


def seconds_a_step(start, s, integrator, until, decay):
    sim = pf.Simulation(square_wave(s), start, integrator, decay=decay)
    motion, (end,) = sim.motion, sim.reachable(np.array([until]))
    motion.advance(0.1 * end)
    begin, before = time.perf_counter(), sim.step + sim.rejected
    while sim.time < end:
        motion.advance(end)
    return (time.perf_counter() - begin) / (sim.step + sim.rejected - before)


@pytest.mark.parametrize("s", [10, 300])
@pytest.mark.parametrize("name", RUNS)
def test_decay(benchmark, quick, name, s):
    """A step with decay over one without: medians of fifteen pairs, m = 10^6."""
    integrator, until = RUNS[name]
    if s > 10 and name != "boost":
        pytest.skip("only boost has more to do for many samples between passes")
    m = 10**4 if quick else 10**6
    start = neurons(m)
    seconds = np.empty((2 if quick else 16, 2))
    for k in range(len(seconds)):
        for which in (0, 1) if k % 2 else (1, 0):
            seconds[k, which] = seconds_a_step(start, s, integrator, until, which * DECAY)
    seconds = seconds[1:]  # without the first pair, for which kernels may have been compiled
    benchmark.extra_info.update(
        name=name, m=m, s=s, ratio=float(np.median(seconds[:, 1] / seconds[:, 0])),
        ns_a_neuron=(1e9 * np.median(seconds, axis=0) / m).tolist(),
    )  # fmt: skip
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.parametrize("s", [10, 1000])
def test_hessian(quick, time_pass, s):
    """A product of the Hessian in place, beside passes that read and write a, b and c once.

    The slots of the state are sorted by sector. ``moved`` counts a, b, c, their parts of the vector
    and the cell, read twice, and the product.
    """
    m = 10**4 if quick else 10**6
    sim = pf.Simulation(square_wave(s), neurons(m), pf.Boost(step=0.1))
    hessian, vector = sim.hessian, np.random.default_rng(0).standard_normal((3, m))
    time_pass(sim.state, lambda: hessian.product_in_order(vector, vector), moved=128)


@pytest.mark.parametrize("s", [10, 1000])
def test_sharpness(quick, time_pass, s):
    """The largest eigenvalue, from the present state, beside such passes."""
    m = 10**4 if quick else 10**6
    sim = pf.Simulation(square_wave(s), neurons(m), pf.Boost(step=0.1))

    def sharpness():
        return sim.hessian.largest()

    time_pass(sim.state, sharpness)
