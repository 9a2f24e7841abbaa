"""Facts about this machine: versions, threads, devices, cache, speed."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numba

from particleflow import backend
from particleflow._version import __version__
from particleflow.files.hdf5 import hdf5_version
from particleflow.model.samples import Samples
from particleflow.ranks.world import versions as versions_of_mpi

_PACKAGES = ("numba", "numpy", "scipy", "h5py", "matplotlib", "numba-cuda")


def examine(seconds: float = 1.0) -> dict[str, Any]:
    """All facts about this machine by name, in the order in which to show them.

    The speed of a push, a step of gradient descent, is measured for so many seconds.
    """
    samples = Samples.generate("square_wave", 10)
    with backend.threads_in_use(backend.resolve_threads(None)):
        speed = backend.measure_speed(samples.x, samples.y, seconds)
    problem = backend.cuda_problem()
    facts: dict[str, Any] = {
        "particleflow": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "hdf5": hdf5_version(),
        "processors": os.cpu_count(),
        "threads": int(numba.get_num_threads()),
        "thread_layer": numba.threading_layer(),
        "waiting_threads": backend.waiting_policy(),
        "cuda": problem or backend.device_notice("cuda"),
        "mpi": versions_of_mpi(),
        "cache": backend.cache_folder() or "none: kernels are compiled in every process",
        "push_ns_a_neuron": round(speed.push, 3),
        "stream_ns_a_neuron": round(speed.stream, 3),
        "share_of_stream": round(speed.stream / speed.push, 2),
    }
    if problem is None:
        facts["cuda_difference"] = backend.measure_difference(samples.x, samples.y)
    return facts


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
