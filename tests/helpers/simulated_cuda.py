"""Agreement of the CUDA kernels with the CPU's in numba's simulator: test_cuda runs this file.

It has a process of its own, since the simulator has to be chosen before numba is imported.
"""

import sys

import agreement
import pytest

import particleflow as pf
from particleflow.kernels.cuda._jit import simulated

assert simulated
sys.setswitchinterval(1e-5)  # the simulator's threads wait for each other all the time
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_start_and_order():
    agreement.start_and_order(150, 4)
    agreement.start_and_order(5, 1)


@pytest.mark.parametrize("metric", agreement.METRICS)
def test_sums(metric):
    agreement.sums(120, 3, metric)


@pytest.mark.parametrize("s", [1, 2, 11])
def test_fields(s):
    agreement.fields(s)


@pytest.mark.parametrize("metric", agreement.METRICS)
def test_push(metric):
    agreement.push(150, 3, metric)


@pytest.mark.parametrize("metric", agreement.METRICS)
def test_gradient_descent(metric):
    agreement.descent(120, 3, metric, steps=3)


def test_overflow_and_repulsors():
    agreement.overflow(40, 3)
    agreement.starts_on_repulsors(60)


@pytest.mark.parametrize("s", [1, 4])
def test_passes(s):
    agreement.passes(150, s, 0.4, exact=True)


@pytest.mark.parametrize("metric", agreement.METRICS)
def test_runge_kutta(metric):
    agreement.runge_kutta(80, 3, metric)


@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-2), pf.GradientDescent(0.05), pf.RungeKutta(1e-2),
], ids=lambda i: i.name)  # fmt: skip
def test_runs(integrator):
    agreement.run(integrator, "network", 60, 0.3)


def test_halving_and_rays():
    agreement.decay(120, 3)


@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-2), pf.GradientDescent(0.02), pf.RungeKutta(1e-2),
], ids=lambda i: i.name)  # fmt: skip
def test_runs_with_decay(integrator):
    """So much decay that stored neurons are halved."""
    one, _ = agreement.run(integrator, "network", 60, 0.4, decay=45.0)
    assert one.state.sigma[1] > 0.0


def test_checkpoints():
    agreement.checkpoints(pf.Boost(1e-2), 50)


def test_a_run_goes_on_on_another_device():
    agreement.hand_over(60, 0.03)
