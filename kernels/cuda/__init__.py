"""Kernels over all neurons on a CUDA device, of the names and signatures of ``kernels.cpu``.

Arrays of the size of the state are the device's; those of the size of the samples are the host's,
and nothing else crosses between them in a step. Sums have a fixed order: the same device gives the
same bits. No sum uses atomic operations on floating-point numbers.
"""

from ..cpu import STAGES, lanczos, mean_residual, tangent_kernel
from .advance import advance, repulsor_starts
from .arrays import Frame, download, empty, upload
from .field import field, prediction, residual_rate
from .frames import (
    largest_drift,
    pack_delta,
    pack_frame,
    to_direction,
    unpack_cells,
    unpack_state,
)
from .gradient_descent import gradient_descent
from .moments import (
    cell_counts,
    count_changes,
    first_moments,
    first_moments_at,
    locate_all,
    second_moments,
)
from .runge_kutta import runge_kutta_step
from .slots import identity_order, order_of, set_order, slots_of, sort_slots, wants_order
from .stepping import boost_steps
from .velocity import velocity

__all__ = [
    "STAGES",
    "Frame",
    "advance",
    "boost_steps",
    "cell_counts",
    "count_changes",
    "download",
    "empty",
    "field",
    "first_moments",
    "first_moments_at",
    "gradient_descent",
    "identity_order",
    "lanczos",
    "largest_drift",
    "locate_all",
    "mean_residual",
    "order_of",
    "pack_delta",
    "pack_frame",
    "prediction",
    "repulsor_starts",
    "residual_rate",
    "runge_kutta_step",
    "second_moments",
    "set_order",
    "slots_of",
    "sort_slots",
    "tangent_kernel",
    "to_direction",
    "unpack_cells",
    "unpack_state",
    "upload",
    "velocity",
    "wants_order",
]
