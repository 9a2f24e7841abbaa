"""The state of all neurons on a device, and the kernels that act on it.

This package is the only importer of ``particleflow.kernels``. A `State` keeps neurons in an order
of its own; what it returns is in the original order where its docstring does not say otherwise.
"""

from . import waiting  # isort: skip (before numba starts its threads)

from . import forking
from .compiling import (
    Compiling,
    cache_folder,
    compile_notice,
    compiling_seconds,
    when_compiling,
)
from .devices import (
    DEVICES,
    Device,
    cuda_problem,
    device_notice,
    free_memory,
    resolve_device,
    resolve_threads,
    room_for,
    threads_in_use,
    use_device_of,
)
from .exact_flow import (
    ARRIVED,
    MOST_DECAY,
    OVERFLOWN,
    SHRUNK,
    UNDER_WAY,
    UNTAME,
    Arrival,
    ExactFlow,
)
from .exchange import Share, is_ordered, share_of
from .fields import cell_sums, field, field_at, predict, predict_at
from .frame import Frame
from .hessian import Hessian
from .metrics import METRICS, Metric
from .runge_kutta import RungeKuttaTrial
from .snapshot import Part, joined, mass_of, original_order, trimmed
from .speed import difference as measure_difference
from .speed import measure as measure_speed
from .start import PRECISIONS, Precision, Start
from .state import State
from .tangent import kernel_matrix, kernel_product, largest_rate, mean_residual
from .waiting import policy as waiting_policy

__all__ = [
    "ARRIVED",
    "DEVICES",
    "METRICS",
    "MOST_DECAY",
    "OVERFLOWN",
    "PRECISIONS",
    "SHRUNK",
    "UNDER_WAY",
    "UNTAME",
    "Arrival",
    "Compiling",
    "Device",
    "ExactFlow",
    "Frame",
    "Hessian",
    "Metric",
    "Part",
    "Precision",
    "RungeKuttaTrial",
    "Share",
    "Start",
    "State",
    "cache_folder",
    "cell_sums",
    "compile_notice",
    "compiling_seconds",
    "cuda_problem",
    "device_notice",
    "field",
    "field_at",
    "forking",
    "free_memory",
    "is_ordered",
    "joined",
    "kernel_matrix",
    "kernel_product",
    "largest_rate",
    "mass_of",
    "mean_residual",
    "measure_difference",
    "measure_speed",
    "original_order",
    "predict",
    "predict_at",
    "resolve_device",
    "resolve_threads",
    "room_for",
    "share_of",
    "threads_in_use",
    "trimmed",
    "use_device_of",
    "waiting",
    "waiting_policy",
    "when_compiling",
]
