"""The kernels of a CUDA device against the device's own memory streams."""

import pytest
from cases import Pass, neurons, spread_out, state_of
from streams import median_seconds

import particleflow as pf
from particleflow.backend import cuda_problem, device_notice

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(cuda_problem() is not None, reason=f"no GPU: {cuda_problem()}"),
]
SIZES = [(10**2, 4), (10**5, 10), (10**7, 10), (10**7, 1000), (10**8, 10)]


@pytest.fixture(autouse=True)
def name_the_device(benchmark):
    """The device beside each result."""
    benchmark.extra_info["device"] = device_notice("cuda").partition(": ")[2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("m", "s"), SIZES)
def test_push(time_pass, fitting, m, s, dtype):
    """A step of gradient descent in which next to no neuron meets a ray."""
    state = state_of(spread_out(fitting(m)), s, pf.GradientDescent, "cuda", dtype)
    steps = max(1, min(1000, 10**10 // (m * 10)))
    time_pass(state, lambda: state.gradient_descent(1e-9 / s, steps), steps, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("m", "s"), SIZES)
def test_advance(time_pass, fitting, m, s, dtype):
    """A pass of the exact flow."""
    state = state_of(spread_out(fitting(m)), s, pf.Boost, "cuda", dtype)
    advance = Pass(state, state.residual.copy())
    time_pass(state, lambda: advance(1e-12), stream="out of place", dtype=dtype)


@pytest.mark.parametrize("integrator", [pf.GradientDescent(1e-3), pf.Boost(1e-3)],
                         ids=lambda integrator: integrator.name)  # fmt: skip
@pytest.mark.parametrize("m", [10**2, 10**4, 10**5, 10**6, 10**7])
def test_run_beside_the_cpu(benchmark, fitting, m, integrator):
    """A run from its start on the device, and the same on the CPU: from which m the device pays."""
    from cases import square_wave

    def run(device):
        sim = pf.Simulation(square_wave(10), neurons(fitting(m)), integrator, device=device)
        return lambda: sim.run(sim.time + 0.1)

    benchmark.pedantic(run("cuda"), rounds=3, warmup_rounds=1)
    on_cpu = median_seconds(run("cpu"), 3)
    benchmark.extra_info.update(m=m, cpu_over_device=on_cpu / benchmark.stats.stats.median)
