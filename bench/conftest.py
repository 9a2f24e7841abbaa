"""What every benchmark needs: sizes, limits measured now, and what stands beside each result."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest
from streams import BYTES, median_seconds, out_of_place, reading

from particleflow._version import __version__
from particleflow.kernels.cpu.stream import stream_in_place

PACKAGES = ("numba", "numpy", "scipy", "h5py", "torch", "jax", "pytest-benchmark")
BYTES_A_NEURON = 160
"""Memory that a neuron may take in a benchmark, with what it is made from."""


@pytest.fixture(scope="session")
def quick(request):
    """Whether to use smaller sizes."""
    return request.config.getoption("--quick")


@pytest.fixture
def most_neurons(request, quick):
    """The largest number of neurons: what was asked for, or what memory and time allow."""
    asked = request.config.getoption("--most-neurons")
    if asked is not None:
        return asked
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(10**6 if quick else 10**8, available // BYTES_A_NEURON)


@pytest.fixture
def fitting(most_neurons):
    """A function that skips the benchmark if it needs more neurons than `most_neurons`."""

    def check(m):
        if m > most_neurons:
            pytest.skip(f"m = {m:g} is above {most_neurons:g}: --quick, --most-neurons or memory")
        return m

    return check


@pytest.fixture(autouse=True)
def describe_machine(benchmark, quick):
    """Versions, threads and processor beside each result."""
    import numba

    benchmark.extra_info.update(
        quick=quick,
        threads=numba.get_num_threads(),
        processor=_processor(),
        cores=os.cpu_count(),
        memory_GiB=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        system=f"{platform.system()}, Python {platform.python_version()}",
        versions={
            "particleflow": __version__,
            **{name: _version(name) for name in PACKAGES if _version(name)},
        },
    )


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor():
    try:
        with open("/proc/cpuinfo") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def seconds_of_stream(kind, state):
    """The memory stream over a state's neurons on its device, measured now."""
    if not isinstance(state.variables, np.ndarray):
        return _seconds_on_device(kind, state)
    if kind == "in place":
        return median_seconds(lambda: stream_in_place(*state.variables, 1.0), 5)
    if kind == "reading":
        return median_seconds(lambda: reading(*state.variables, state.cell), 5)
    to, cells = np.empty_like(state.variables), np.empty_like(state.cell)
    return median_seconds(lambda: out_of_place(*state.variables, state.cell, *to, cells), 5)


def _seconds_on_device(kind, state):
    import device_streams

    if kind == "in place":
        return median_seconds(lambda: device_streams.in_place(state), 5)
    empty = state.kernels.empty
    rows = [empty(state.size, row.dtype) for row in state.neurons[:3]]
    cell = empty(state.size, state.cell.dtype)
    return median_seconds(lambda: device_streams.out_of_place(state, rows, cell), 5)


@pytest.fixture
def time_pass(benchmark):
    """Time ``call`` as ``steps`` passes over a state beside a memory stream of as many bytes.

    The stream is taken before and after, and scaled to ``moved``, the bytes a neuron that a pass
    reads and writes.
    """

    def measure(state, call, steps=1, stream="in place", moved=None, **info):
        m = state.size
        rounds = 5 if m * steps >= 10**7 else 9
        seconds_of_limit = [seconds_of_stream(stream, state)]
        benchmark.pedantic(call, rounds=rounds, warmup_rounds=1)
        seconds_of_limit.append(seconds_of_stream(stream, state))
        seconds = benchmark.stats.stats.median / steps
        moved = moved or BYTES[stream]
        limit = 0.5 * sum(seconds_of_limit) * moved / BYTES[stream]
        benchmark.extra_info.update(
            m=m,
            s=state.x.size,
            ns_a_neuron_a_step=1e9 * seconds / m,
            bytes_a_neuron=moved,
            stream=stream,
            stream_ns_a_neuron=1e9 * limit / m,
            share_of_stream=limit / seconds,
            **info,
        )

    return measure
