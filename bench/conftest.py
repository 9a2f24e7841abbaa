"""What every benchmark needs: sizes, the stream limit, and what stands beside each result."""

import os
import platform

import numpy as np
import pytest
from streams import in_place, median_seconds


@pytest.fixture
def quick(request):
    """Whether to use smaller sizes."""
    return request.config.getoption("--quick")


@pytest.fixture(autouse=True)
def describe_machine(benchmark):
    """Versions, threads and processor beside each result."""
    import numba

    import particleflow

    benchmark.extra_info.update(
        threads=numba.get_num_threads(),
        processor=_processor(),
        cores=os.cpu_count(),
        particleflow=particleflow.__version__,
        numba=numba.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
    )


def _processor():
    try:
        with open("/proc/cpuinfo") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


@pytest.fixture
def stream_limit():
    """Seconds of an in-place stream over three arrays, measured now."""

    def measure(a, b, c):
        return median_seconds(lambda: in_place(a, b, c, 1.0))

    return measure
