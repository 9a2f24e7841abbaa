"""A step of gradient descent beside what others would use: same problem, same precision.

Every peer has to arrive at our residuals before it is timed. Our step is timed where knots cross
samples, as in the first steps of training, and where none does.
"""

import numpy as np
import pytest
from cases import neurons, square_wave, state_of
from peers import LIBRARIES, Problem, formulations
from streams import seconds_a_step

import particleflow as pf

pytestmark = pytest.mark.filterwarnings("default")  # other libraries may warn

SIZES = [(10**3, 4), (10**3, 10), (10**4, 100), (10**5, 4), (10**5, 10), (10**5, 100),
         (10**5, 1000), (10**6, 10), (10**7, 4)]  # fmt: skip
MOST_PAIRS = 2 * 10**8
CHECKED = 5


@pytest.mark.parametrize(("m", "s"), SIZES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_step_beside(benchmark, quick, fitting, library, m, s):
    """Seconds a step, ours and those of each formulation of a library."""
    if m * s > (10**6 if quick else MOST_PAIRS) or (m > 10**6 and library != "dense Numba loop"):
        pytest.skip("takes the peers too long")
    cloud, samples, h = neurons(fitting(m)), square_wave(s), 1e-3 / s
    problem = Problem(samples.x, samples.y, (cloud.a, cloud.b, cloud.c), h)
    peers = formulations(library)
    state = state_of(problem.parameters, s, pf.GradientDescent)
    state.gradient_descent(h, CHECKED)
    expected = state.residual.copy()
    assert np.abs(expected + samples.y).max() > 1e-6  # f has moved away from 0

    seconds = {}
    for name, peer in peers.items():
        run = peer(problem)
        run.steps(CHECKED)
        np.testing.assert_allclose(run.residual(), expected, rtol=0, atol=1e-10, err_msg=name)
        seconds[name] = seconds_a_step(run.steps, 0.1, 3)
    before = int(state.crossings.sum())
    state.gradient_descent(h, 50)
    crossings = (int(state.crossings.sum()) - before) / 50 / m
    ours = seconds_a_step(lambda n: state.gradient_descent(h, n))
    cruising = state_of(problem.parameters, s, pf.GradientDescent)
    quiet = seconds_a_step(lambda n: cruising.gradient_descent(1e-6 * h, n))
    benchmark.pedantic(lambda: state.gradient_descent(h, 1), rounds=5)
    best = min(seconds, key=seconds.get)
    benchmark.extra_info.update(
        m=m,
        s=s,
        library=library,
        ours=ours,
        ours_without_crossings=quiet,
        crossings_a_neuron_a_step=crossings,
        ns_a_neuron_a_step=1e9 * ours / m,
        peers=seconds,
        best_peer=best,
        times_faster=seconds[best] / ours,
        times_faster_without_crossings=seconds[best] / quiet,
    )
