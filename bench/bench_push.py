"""One step of gradient descent (push, moments, field, prediction) against the in-place stream.

Two states: "cruising", a step so small that next to no neuron meets a ray, which shows the
kernel's own limit; and "early", the first steps of training at a step near the largest stable one,
in which each neuron crosses ``crossings_a_neuron_a_step`` rays.
"""

import pytest
from streams import in_place, median_seconds, numpy_copy, numpy_in_place

import particleflow as pf
from particleflow.backend import State

STEPS = 5


def make_state(m, s):
    samples = pf.Samples.generate("square_wave", s)
    neurons = pf.initialise("reduced", m, delta=1.0, seed=0)
    return State(samples.x, samples.y, (neurons.a, neurons.b, neurons.c), "network", 16)


def size(quick):
    return 10**6 if quick else 10**7


@pytest.mark.parametrize("s", [10, 100, 1000])
@pytest.mark.parametrize("phase", ["cruising", "early"])
def test_step(benchmark, quick, stream_limit, s, phase):
    m = size(quick)
    state = make_state(m, s)
    h = (1e-6 if phase == "cruising" else 1e-2) / s
    state.gradient_descent(h, 2)
    before = int(state.crossings.sum())
    limits = [stream_limit(*state.variables)]
    benchmark.pedantic(lambda: state.gradient_descent(h, STEPS), rounds=9, warmup_rounds=1)
    limits.append(stream_limit(*state.variables))
    seconds = benchmark.stats.stats.median / STEPS
    limit = sum(limits) / 2
    benchmark.extra_info.update(
        m=m,
        s=s,
        ns_a_neuron_a_step=1e9 * seconds / m,
        bytes_a_neuron=48,
        stream_ns_a_neuron=1e9 * limit / m,
        share_of_in_place_stream=limit / seconds,
        crossings_a_neuron_a_step=(int(state.crossings.sum()) - before) / m / STEPS / 10,
        in_sector_order=state.members.shape[1] > 1,
    )


@pytest.mark.parametrize("m", [1000, 10**5])
@pytest.mark.parametrize("s", [10, 1000])
def test_small_step(benchmark, m, s):
    state = make_state(m, s)
    steps = 200 if m * s <= 10**6 else 20
    benchmark.pedantic(lambda: state.gradient_descent(1e-4 / s, steps), rounds=9, warmup_rounds=1)
    seconds = benchmark.stats.stats.median / steps
    benchmark.extra_info.update(m=m, s=s, microseconds_a_step=1e6 * seconds,
                                ns_a_neuron_a_step=1e9 * seconds / m)  # fmt: skip


def test_the_stream_is_no_straw_man(benchmark, quick):
    """The limit itself beside NumPy on the same bytes."""
    state = make_state(size(quick), 10)
    variables = state.variables
    target = variables.copy()
    benchmark.pedantic(lambda: in_place(*variables, 1.0), rounds=9, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(
        m=state.size,
        numpy_in_place_over_stream=median_seconds(lambda: numpy_in_place(*variables)) / seconds,
        numpy_copy_over_stream=median_seconds(lambda: numpy_copy(variables, target)) / seconds,
    )
