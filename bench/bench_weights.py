"""Steps of weighted neurons beside steps of neurons without weights, in one process, in turns."""

import time

import numpy as np
import pytest

import particleflow as pf

RUNS = {
    "network, boost": (pf.Boost(1e-4), "network", 2.0),
    "network, gd": (pf.GradientDescent(0.01), "network", 1.0),
    "euclidean, gd": (pf.GradientDescent(0.01), "euclidean", 1.0),
    "euclidean, rk": (pf.RungeKutta(1e-3), "euclidean", 0.2),
}


def seconds_a_step(neurons, integrator, metric, until):
    sim = pf.Simulation(pf.Samples.generate("square_wave", 10), neurons, integrator, metric=metric)
    begin = time.perf_counter()
    sim.run(until)
    trials = sim.step + sim.rejected
    return (time.perf_counter() - begin) / trials


@pytest.mark.parametrize("name", RUNS)
def test_weights(benchmark, quick, name):
    """A step with weights over one without: medians of fifteen pairs, m = 10^6."""
    m = 10**4 if quick else 10**6
    drawn = pf.initialise("reduced", m, delta=1.0, seed=0)
    # so nearly equal that both runs meet the same events: only what weights cost differs
    weights = 1.0 + 1e-9 * np.random.default_rng(1).random(m)
    pair = [drawn, pf.Neurons(drawn.a, drawn.b, drawn.c, weights=weights)]
    seconds = np.empty((2 if quick else 16, 2))
    for k in range(len(seconds)):
        for which in (0, 1) if k % 2 else (1, 0):
            seconds[k, which] = seconds_a_step(pair[which], *RUNS[name])
    seconds = seconds[1:]  # without the first pair, for which kernels may have been compiled
    benchmark.extra_info.update(
        name=name, m=m, ratio=float(np.median(seconds[:, 1] / seconds[:, 0])),
        ns_a_neuron=(1e9 * np.median(seconds, axis=0) / m).tolist(),
    )  # fmt: skip
    benchmark.pedantic(lambda: None, rounds=1)
