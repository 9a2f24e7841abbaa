"""CUDA without a device: in numba's simulator, as one thread of the CPU, and what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import agreement
import numpy as np
import pytest

import particleflow as pf
from particleflow.backend import cuda_problem, devices

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

from particleflow.kernels import advance, boost, origin, transit
from particleflow.kernels.cuda import _jit, arrays, moments, offline, slots
from particleflow.kernels.precision import SINGLE

HERE = Path(__file__).parent


def test_every_kernel_in_the_simulator():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "simulated_cuda.py"],
        check=False, cwd=HERE, env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "16 passed" in done.stdout
    assert "skipped" not in done.stdout


class HostArray(np.ndarray):
    """An array of a device that is the host."""

    def copy_to_host(self, out=None, stream=0):
        if out is None:
            return np.array(self)
        out[...] = self
        return out

    def copy_to_device(self, values):
        self[...] = values


class Host:
    """What `arrays` asks of the module cuda."""

    @staticmethod
    def device_array(shape, dtype, stream=0):
        return np.empty(shape, dtype).view(HostArray)

    @staticmethod
    def to_device(values, stream=0):
        return np.array(values).view(HostArray)

    @staticmethod
    def pinned_array(shape, dtype):
        return np.empty(shape, dtype)

    class stream:
        def synchronize(self):
            pass

    class event:
        def record(self, stream):
            pass

        wait = record

        def synchronize(self):
            pass


@pytest.fixture
def one_thread(monkeypatch):
    """Every launch is one thread, compiled for the CPU; returns the kernels that were launched."""
    launched = set()

    def launch(kernel, blocks, *args):
        precision = "float64"
        for (kind, ndim), value in zip(kernel.arguments, args, strict=True):
            if kind == "real" and ndim:
                precision = str(value.dtype)
        plain = [
            np.asarray(value) if ndim else
            np.dtype(precision if kind == "real" else float).type(value)
            if kind in ("real", "double") else int(value)
            for (kind, ndim), value in zip(kernel.arguments, args, strict=True)
        ]  # fmt: skip
        launched.add(kernel)
        kernel.launches += 1
        _jit.standing_in(kernel, precision)(*plain)

    monkeypatch.setattr(_jit.Kernel, "__call__", launch)
    monkeypatch.setattr(arrays, "cuda", Host)
    monkeypatch.setattr(arrays, "stream", Host.stream)
    monkeypatch.setattr(devices, "cuda_problem", lambda: None)
    monkeypatch.setattr("particleflow.kernels.cuda.devices.memory", lambda: None)
    for module in (slots, moments):
        monkeypatch.setattr(module, "threads_a_block", lambda: 1)
    return launched


def test_a_million_neurons_as_one_thread(one_thread):
    m = 1_000_000
    agreement.start_and_order(m, 6)
    for metric in ("network", "euclidean"):
        agreement.sums(m, 6, metric)
        agreement.descent(m, 6, metric, steps=8)
        agreement.runge_kutta(m, 6, metric)
    agreement.fields(9)
    agreement.passes(m, 6, 0.4, exact=True)
    assert one_thread == set(_jit.KERNELS.values())


def test_runs_as_one_thread(one_thread):
    for integrator in (pf.Boost(1e-3), pf.GradientDescent(0.01), pf.RungeKutta(1e-3)):
        agreement.run(integrator, "network", 20_000, 0.5)


@pytest.mark.parametrize(("integrator", "tolerance"), [
    (pf.Boost(1e-3), 1e-5), (pf.GradientDescent(0.01), 1e-5),
], ids=["boost", "gd"])  # fmt: skip
def test_single_precision_as_one_thread(one_thread, integrator, tolerance):
    agreement.run_single(integrator, 20_000, 0.5, tolerance)


@pytest.fixture(scope="module")
def compiled():
    """PTX of every kernel in every precision, and what it needs on sm_80 and sm_90."""
    codes = {(name, p): offline.ptx(kernel, p) for name, kernel, p in offline.variants()}
    needs = {
        key: [offline.assembled(code, processor) for processor in offline.PROCESSORS]
        for key, code in codes.items()
    }
    return codes, needs


def test_no_kernel_spills_and_registers_are_bounded(compiled):
    _, needs = compiled
    assert {name for name, _ in needs} == set(_jit.KERNELS)
    for key, processors in needs.items():
        for found in processors:
            assert 0 < found.registers <= 128, key
            assert found.spilled == found.stack == 0, key
            assert found.shared <= 48 * 1024, key
    for precision in ("float64", "float32"):
        assert all(n.registers <= 64 for n in needs["gradient_descent.push", precision])


def test_single_precision_has_float64_in_sums_only(compiled):
    """Sums load, convert, multiply and add in float64; nothing else does."""
    codes, _ = compiled
    in_sums = {"add", "sub", "mul", "fma", "cvt", "ld", "st", "mov", "neg", "selp"}
    counts = {"setp", "abs"}  # of tallies, added up as float64, and of the largest drift
    elementwise = ("slots.", "sums.locate", "velocity.", "frames.unpack", "frames.pack",
                   "runge_kutta.stage", "runge_kutta.error")  # fmt: skip
    for (name, precision), code in codes.items():
        if precision != "float32":
            continue
        used = {
            line.split()[0 if not line.strip().startswith("@") else 1].partition(".")[0]
            for line in code.splitlines()
            if ".f64" in line and "\t" in line and not line.strip().startswith(".")
        }
        allowed = set() if name.startswith(elementwise) else in_sums | counts
        assert used <= allowed, (name, used - allowed)


def test_constants_of_single_precision():
    """Each is the constant of a module, and copies have it under the names that they import."""
    assert all(any(hasattr(module, name) for module in (boost, origin)) for name in SINGLE)
    for function, name in ((transit.leg, "AT_ORIGIN"), (advance._spend, "MOST_RAPIDITY")):
        for dtype, value in (("float32", SINGLE[name]), ("float64", getattr(
            origin if name == "AT_ORIGIN" else boost, name))):  # fmt: skip
            copy = _jit._copy(function.py_func, dtype, _jit._for_stand_in)
            assert copy.__globals__[name] == np.dtype(dtype).type(value)


@pytest.mark.gpu
@pytest.mark.skipif(cuda_problem() is not None, reason=f"no GPU: {cuda_problem()}")
def test_a_device():
    """Agreement within the device's rounding, and the same bits again."""
    for m, s in ((1000, 4), (200_000, 6)):
        agreement.start_and_order(m, s)
        for metric in ("network", "euclidean"):
            agreement.descent(m, s, metric, steps=100)
            agreement.runge_kutta(m, s, metric)
        agreement.passes(m, s, 0.4, exact=False)
    samples = pf.Samples.generate("square_wave", 10)
    ends = []
    for _ in range(2):
        sim = pf.Simulation(samples, pf.initialise("reduced", 10**6, delta=1.0), device="cuda")
        sim.run(1.0)
        ends.append((sim.residual, *sim.state.parameters(), sim.state.cells()))
    for one, two in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, two)


def test_launches_of_a_step(one_thread):
    """Gradient descent 4 a step, the exact flow 10; few others in a call."""

    def launches(function):
        before = sum(kernel.launches for kernel in _jit.KERNELS.values())
        function()
        return sum(kernel.launches for kernel in _jit.KERNELS.values()) - before

    state = agreement.pair(500, 3)[1]
    one, many = (launches(lambda: state.gradient_descent(1e-3, n)) for n in (1, 11))  # noqa: B023
    assert many - one == 10 * 4
    assert one == 5
    samples = pf.Samples.generate("square_wave", 4)
    sim = pf.Simulation(samples, pf.initialise("reduced", 500, delta=-20.0), pf.Boost(step=1e-3),
                        device="cuda")  # fmt: skip
    assert launches(lambda: sim.run(1e-3)) == 10


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
