"""CUDA on a real device, and what is said where there is none."""

import agreement
import numpy as np
import pytest

import particleflow as pf
from particleflow.backend import cuda_problem, devices

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

from particleflow.kernels.cuda import arrays

pytestmark = pytest.mark.cuda


def on_a_device(test):
    reason = f"no GPU: {cuda_problem()}"
    return pytest.mark.gpu(pytest.mark.skipif(cuda_problem() is not None, reason=reason)(test))


@on_a_device
@pytest.mark.parametrize(("m", "s"), [(1000, 4), (200_000, 6)])
@pytest.mark.parametrize("metric", agreement.METRICS)
def test_agreement_of_a_device(m, s, metric):
    agreement.within_rounding(m, s, metric)


@on_a_device
@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-3), pf.GradientDescent(0.01), pf.RungeKutta(1e-3),
], ids=lambda i: i.name)  # fmt: skip
def test_runs_on_a_device(integrator):
    agreement.run(integrator, "network", 20_000, 0.5)


@on_a_device
@pytest.mark.parametrize("delta", [-1.0, 1.0])
def test_single_precision_on_a_device(delta):
    agreement.run_single(pf.Boost(1e-3), 20_000, delta, 2.0, 1e-6)


@on_a_device
@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-3), pf.GradientDescent(1e-3), pf.RungeKutta(1e-3),
], ids=lambda i: i.name)  # fmt: skip
def test_checkpoints_of_a_device(integrator):
    agreement.checkpoints(integrator, 5000)


@on_a_device
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_bits_again_on_a_device(dtype):
    samples = pf.Samples.generate("square_wave", 10)
    ends = []
    for _ in range(2):
        sim = pf.Simulation(samples, pf.initialise("reduced", 10**6, delta=1.0), device="cuda",
                            state_dtype=dtype)  # fmt: skip
        sim.run(1.0)
        ends.append((sim.residual, *sim.state.parameters(), sim.state.cells()))
    for one, two in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, two)


def test_cuda_names_what_is_missing(monkeypatch):
    sim = (pf.Samples.generate("sine", 4), pf.initialise("reduced", 10, delta=1.0))
    monkeypatch.setattr(devices, "_has_driver", lambda: False)
    assert pf.Simulation(*sim).device == "cpu"
    with pytest.raises(pf.DeviceError, match="no NVIDIA driver is installed"):
        pf.Simulation(*sim, device="cuda")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(pf.DeviceError, match=r"numba-cuda is not installed; pip install"):
        pf.Simulation(*sim, device="cuda")
    with pytest.raises(pf.DeviceError, match="device: expected one of auto, cpu, cuda, found"):
        pf.Simulation(*sim, device="gpu")


def test_too_old_a_driver_and_no_device(monkeypatch):
    from particleflow.kernels.cuda import devices as found

    class Works:
        current_context = staticmethod(lambda: None)

    class Fails:
        @staticmethod
        def current_context():
            raise RuntimeError("[100] CUDA_ERROR_NO_DEVICE\nmore lines")

    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    monkeypatch.setattr(found, "cuda", Fails)
    assert cuda_problem() == "no device can be used: [100] CUDA_ERROR_NO_DEVICE"
    monkeypatch.setattr(found, "cuda", Works)
    monkeypatch.setattr(found, "_versions", lambda: ((12,), (13,)))
    assert "the driver is too old: it serves CUDA 12" in cuda_problem()
    monkeypatch.setattr(found, "_versions", lambda: ((13,), (13,)))
    assert cuda_problem() is None
    monkeypatch.setattr(found, "name", lambda: "a device")
    assert devices.device_notice(devices.resolve_device("auto")) == "running on CUDA: a device"


def test_out_of_memory_says_how_many_would_fit(monkeypatch):
    from particleflow.kernels.cuda import devices as found

    monkeypatch.setattr(found, "memory", lambda: (2_000_000_000, 8_000_000_000))
    monkeypatch.setattr(found, "name", lambda: "a device")
    with (
        pytest.raises(
            pf.DeviceError, match=r"of which 2 of 8 GB were free: about 20,000,000 would"
        ),
        devices.room_for(10**9, 100.0, "cuda"),
    ):
        raise arrays.OutOfMemory("cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY")
    with pytest.raises(MemoryError), devices.room_for(10**9, 100.0, "cpu"):
        raise MemoryError
