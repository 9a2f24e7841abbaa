"""The kernels for CUDA as one thread whose multiplications and additions are contracted.

A GPU's compiler does that: bits differ, and a knot on a sample may be seen beside it. `.ci/run`
runs this file by its name; it has a process of its own, since it changes how kernels are compiled.
"""

import agreement
import numba
import pytest
from one_thread import take_the_place_of_a_device

import particleflow as pf
from particleflow.kernels.cuda import _jit


@pytest.fixture(autouse=True)
def contracting_thread(monkeypatch):
    monkeypatch.setattr(
        _jit, "driver", numba.njit(error_model="numpy", nogil=True, fastmath={"contract"})
    )
    return take_the_place_of_a_device(monkeypatch)


@pytest.mark.parametrize(("m", "s"), [(1000, 4), (200_000, 6)])
@pytest.mark.parametrize("metric", agreement.METRICS)
def test_agreement(m, s, metric):
    agreement.within_rounding(m, s, metric)


def test_bits_differ():
    with pytest.raises(AssertionError):
        agreement.passes(1000, 4, 0.4, exact=True)


@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-3), pf.GradientDescent(0.01), pf.RungeKutta(1e-3),
], ids=lambda i: i.name)  # fmt: skip
def test_runs(integrator):
    agreement.run(integrator, "network", 20_000, 0.5)


@pytest.mark.parametrize("delta", [-1.0, 1.0])
def test_single_precision(delta):
    agreement.run_single(pf.Boost(1e-3), 20_000, delta, 2.0, 1e-6)
