"""The kernels for CUDA as PTX and machine code, without a device."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

from particleflow.kernels import boost, events, legs, origin
from particleflow.kernels.cuda import _jit, offline
from particleflow.kernels.precision import SINGLE

pytestmark = pytest.mark.cuda

# float32 on one of the two, since a kernel takes seconds to compile
PROCESSORS = {"float64": tuple(offline.PROCESSORS), "float32": ("sm_90",)}


@pytest.fixture(scope="module")
def compiled():
    """PTX of every kernel in every precision, and what it needs, on `PROCESSORS`."""
    codes = {
        (name, precision): [offline.ptx(kernel, precision, p) for p in PROCESSORS[precision]]
        for name, kernel, precision in offline.variants()
    }
    needs = {
        key: [offline.assembled(*pair) for pair in zip(code, PROCESSORS[key[1]], strict=True)]
        for key, code in codes.items()
    }
    return codes, needs


@pytest.mark.slow
def test_no_kernel_spills_and_registers_are_bounded(compiled):
    _, needs = compiled
    assert {name for name, _ in needs} == set(_jit.KERNELS)
    for key, processors in needs.items():
        for found in processors:
            assert 0 < found.registers <= 128, key
            assert found.spilled == found.stack == 0, key
            assert found.shared <= 48 * 1024, key
    for precision in ("float64", "float32"):
        assert all(n.registers <= 64 for n in needs["descent.push", precision])


@pytest.mark.slow
def test_single_precision_has_float64_in_sums_only(compiled):
    """Sums load, convert, multiply and add in float64; nothing else does."""
    codes, _ = compiled
    in_sums = {"add", "sub", "mul", "fma", "cvt", "ld", "st", "mov", "neg", "selp"}
    counts = {"setp", "abs"}  # of tallies, added up as float64, and of the largest drift
    elementwise = ("slots.", "halving.", "sums.locate", "velocity.", "frames.unpack", "frames.pack",
                   "runge_kutta.stage", "runge_kutta.error")  # fmt: skip
    for (name, precision), (*_, code) in codes.items():
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
    for function, name in ((legs.leg_to_ray, "AT_ORIGIN"), (events._spend, "MOST_RAPIDITY")):
        for dtype, value in (("float32", SINGLE[name]), ("float64", getattr(
            origin if name == "AT_ORIGIN" else boost, name))):  # fmt: skip
            copy = _jit._copy(function.py_func, dtype, _jit._for_host)
            assert copy.__globals__[name] == np.dtype(dtype).type(value)
