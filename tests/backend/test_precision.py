"""Single precision: neurons in float32, field and sums in float64."""

import dense
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.backend import State, threads_in_use

SAMPLES = pf.Samples(np.linspace(-1.0, 1.0, 7), np.sign(np.sin(4.0 * np.linspace(-1.0, 1.0, 7))))
INTEGRATORS = {
    "boost": (pf.Boost(1e-4), "network"),
    "gd": (pf.GradientDescent(1e-3), "network"),
    "gd euclidean": (pf.GradientDescent(1e-3), "euclidean"),
    "rk": (pf.RungeKutta(1e-4), "network"),
    "rk euclidean": (pf.RungeKutta(1e-4), "euclidean"),
}


def simulate(name, dtype, m, delta, until):
    integrator, metric = INTEGRATORS[name]
    neurons = pf.initialise("reduced", m, delta=delta, seed=3)
    sim = pf.Simulation(SAMPLES, neurons, integrator, metric, state_dtype=dtype)
    sim.run(until)
    return sim


@pytest.mark.slow
@pytest.mark.parametrize("name", INTEGRATORS)
@pytest.mark.parametrize("m", [500, 60_000])
def test_the_difference_to_double_precision_is_that_of_rounding(name, m):
    """While knots hardly travel the residuals differ by the neurons' rounding, averaged."""
    one, two = (simulate(name, d, m, -20.0, 0.1).residual for d in ("float32", "float64"))
    difference = np.abs(one - two).max()
    assert 0.0 < difference < 4.0 * 2.0**-24 * 20.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["boost", "gd"])
def test_residuals_are_those_of_the_stored_neurons(name):
    sim = simulate(name, "float32", 5000, 1.0, 1.0)
    a, b, c = sim.state.parameters()
    assert sim.state.variables.dtype == np.float32
    assert_array_equal(a, a.astype(np.float32))
    f = dense.predict(a, b, c, sim.state.x)
    # neurons on a ray are off it by their rounding
    assert_allclose(sim.residual, f - SAMPLES.y, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_the_same_bits_for_any_number_of_threads(dtype):
    results = []
    for threads in (1, 3):
        with threads_in_use(threads):
            sim = simulate("boost", dtype, 40_000, -1.0, 0.5)
            results.append((sim.neurons.a, sim.neurons.c, sim.residual, sim.state.cells()))
    for one, two in zip(*results, strict=True):
        assert_array_equal(one, two)


def test_samples_that_are_one_in_single_precision():
    x = np.array([0.0, 1.0, 1.0 + 1e-9])
    one = (np.ones(1), np.ones(1), np.ones(1))
    State(x, np.zeros(3), one, "network", np.inf)
    with pytest.raises(pf.ConfigError, match=r"x_2 = 1\.000000001 are the same in"):
        State(x, np.zeros(3), one, "network", np.inf, dtype="float32")
    with pytest.raises(pf.ConfigError, match="state_dtype: expected one of float64, float32"):
        pf.Simulation(SAMPLES, pf.initialise("reduced", 10, delta=1.0), state_dtype="float16")
