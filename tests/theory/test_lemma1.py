"""Theory beside the simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import particleflow as pf
from particleflow.backend import field
from particleflow.kernels import rays
from particleflow.theory import ATTRACTOR, BORDER, PASS_THROUGH, REPULSOR, classify_rays


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_lemma_1_is_what_the_neurons_do(seed, s):
    """The lemma's pressures against the normal velocities on the two sides of each ray."""
    random = np.random.default_rng(seed)
    x, rho = np.sort(random.uniform(-1, 1, s)), random.standard_normal(s)
    g = field(rho, x)
    for sign in (1, -1):
        kinds = classify_rays(x, rho, sign)
        for r in range(2 * s):
            active, inactive = (sign * pull for pull in rays.pulls(r, g, x))
            if r in (s - 1, s):
                expected = BORDER
            elif active < 0 < inactive:
                expected = ATTRACTOR
            elif inactive < 0 < active:
                expected = REPULSOR
            else:
                expected = PASS_THROUGH
            assert kinds[r] == expected


def test_knots_gather_where_lemma_1_says():
    samples = pf.Samples.generate("square_wave", 10)
    sim = pf.Simulation(samples, pf.initialise("reduced", 1000, delta=-1.0, seed=0))
    sim.run(5.0)
    sliding = (sim.state.cell >= 20) & (sim.state.cell < 40)
    assert sliding.sum() > 50
    for sign in (1, -1):
        kinds = pf.theory.classify_rays(samples.x, sim.residual, sign)
        own = sliding & (np.sign(sim.state.variables[2]) == sign)
        assert own.any()
        assert (kinds[sim.state.cell[own] - 20] == ATTRACTOR).mean() > 0.95


@pytest.mark.parametrize(("args", "error", "message"), [
    (([0, 1], [1.0]), pf.SamplesError, "residual: expected 2 numbers, one a sample, found 1"),
    (([1, 0], [1.0, 2.0]), pf.SamplesError, "x: expected strictly increasing"),
    (([0, 1], [1.0, np.nan]), pf.SamplesError, "residual.1. is nan"),
    (([0, 1], [1.0, 2.0], 0), pf.ConfigError, "sign: expected 1 or -1, found 0"),
])  # fmt: skip
def test_refusals(args, error, message):
    with pytest.raises(error, match=message):
        classify_rays(*args)
