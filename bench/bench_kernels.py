"""The kernels, one by one, against memory streams: over neurons m and samples s.

`push` is a step of gradient descent (all neurons moved, moments, prediction, field), `advance` a
pass of the exact flow. Neurons are spread evenly over the sectors and none is dead, so that a share
of the stream has nothing left out.
"""

import numpy as np
import pytest
from cases import Pass, neurons, spread_out, square_wave, state_of
from streams import median_seconds, numpy_copy, numpy_in_place

import particleflow as pf
from particleflow.backend import field
from particleflow.kernels import cpu
from particleflow.kernels.cpu.stream import stream_in_place

SIZES = [(10**3, 10), (10**5, 10), (10**5, 1000), (10**7, 10), (10**7, 100), (10**7, 1000),
         (10**7, 10**4)]  # fmt: skip


@pytest.mark.parametrize(("m", "s"), [*SIZES, (10**6, 10), (10**6, 1000)])
def test_push(time_pass, fitting, m, s):
    """A step so short that next to no neuron meets a ray: the kernel's own limit."""
    state = state_of(spread_out(fitting(m)), s, pf.GradientDescent)
    steps = max(1, min(1000, 10**8 // (m * 10)))
    before = int(state.crossings.sum())
    time_pass(
        state, lambda: state.gradient_descent(1e-9 / s, steps), steps,
        crossings_a_neuron_a_step=(int(state.crossings.sum()) - before) / m,
        in_sector_order=state.order.members.shape[1] > 1,
    )  # fmt: skip


@pytest.mark.parametrize(("phase", "s", "h", "tau"), [
    ("early", 10, 1e-3, 0.1), ("early", 100, 1e-4, 0.01), ("early", 1000, 1e-5, 0.001),
    ("chatter", 10, 1e-2, 5.0), ("chatter", 100, 1e-3, 0.5), ("chatter", 1000, 1e-4, 0.05),
])  # fmt: skip
@pytest.mark.parametrize("m", [10**6])
def test_push_in_training(benchmark, time_pass, fitting, m, phase, s, h, tau):
    """Steps of real runs: early, when knots travel, and when they chatter on attractors."""
    cloud = neurons(fitting(m))
    state = state_of((cloud.a, cloud.b, cloud.c), s, pf.GradientDescent)
    state.gradient_descent(h, round(tau / h))
    before, steps = int(state.crossings.sum()), 10
    time_pass(state, lambda: state.gradient_descent(h, steps), steps, phase=phase)
    crossings = int(state.crossings.sum()) - before
    passes = steps * (benchmark.stats.stats.rounds + 1)
    benchmark.extra_info["crossings_a_neuron_a_step"] = crossings / m / passes


def step_with_crossings(advance, m, share):
    """The length of a pass in which this many rays are met a neuron."""

    def few(h):
        arrival = advance(h)
        return arrival is not None and arrival.tally[0] <= share * m

    low = high = 1e-12
    while few(high):
        low, high = high, 2.0 * high
    for _ in range(10):
        h = 0.5 * (low + high)
        low, high = (h, high) if few(h) else (low, h)
    return low


@pytest.mark.parametrize("share", [0.0, 0.01], ids=["no-crossings", "one-percent"])
@pytest.mark.parametrize(("m", "s"), SIZES)
def test_advance(benchmark, time_pass, fitting, m, s, share):
    """A pass of the exact flow."""
    parameters = spread_out(fitting(m))
    state = state_of(parameters, s, pf.Boost)
    rho = state.residual.copy()
    advance, h = Pass(state, rho), 1e-12
    if share > 0.0:
        few = [v[: min(m, 10**5)] for v in parameters]
        h = step_with_crossings(Pass(state_of(few, s, pf.Boost), rho), few[0].size, share)
    time_pass(
        state, lambda: advance(h), stream="out of place",
        crossings_a_neuron_a_step=float(advance(h).tally[0] / m),
    )  # fmt: skip


@pytest.mark.parametrize(("m", "s"), [(10**5, 10), (10**7, 10), (10**7, 1000)])
@pytest.mark.parametrize("kernel", ["first_moments", "covariances", "residual_rate", "cell_counts"])
def test_moments(time_pass, fitting, kernel, m, s):
    """Sums over all neurons: what the field, the tangent kernel and the observables need."""
    state = state_of(spread_out(fitting(m)), s, pf.Boost)
    moved = 4 if kernel == "cell_counts" else None
    time_pass(state, getattr(state, kernel), stream="reading", moved=moved, kernel=kernel)


@pytest.mark.parametrize(("m", "s"), [(10**5, 10), (10**7, 10), (10**7, 1000)])
def test_velocity(time_pass, fitting, m, s):
    """The rate of all variables, for the explicit methods."""
    state = state_of(spread_out(fitting(m)), s, pf.Boost)
    field, out = state.field(), np.empty((3, m))
    time_pass(
        state,
        lambda: cpu.velocity(state.neurons, field, state.order.slots, state.metric_code, out),
        stream="out of place", moved=52, kernel="velocity",
    )  # fmt: skip


@pytest.mark.parametrize("s", [10, 1000, 10**4])
def test_field(benchmark, s):
    """G of all sectors: O(s)."""
    samples = square_wave(s)
    benchmark.pedantic(lambda: field(samples.y, samples.x), rounds=99, warmup_rounds=3)
    benchmark.extra_info.update(s=s, ns_a_sample=1e9 * benchmark.stats.stats.median / s)


@pytest.mark.parametrize("m", [10**7])
def test_the_stream_is_no_straw_man(benchmark, fitting, m):
    """The in-place limit itself beside NumPy on the same bytes."""
    variables = np.array(spread_out(fitting(m)))
    target = variables.copy()
    benchmark.pedantic(lambda: stream_in_place(*variables, 1.0), rounds=9, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(
        m=m,
        numpy_in_place_over_stream=median_seconds(lambda: numpy_in_place(*variables)) / seconds,
        numpy_copy_over_stream=median_seconds(lambda: numpy_copy(variables, target)) / seconds,
    )
