"""Kernels over all neurons on the CPU, parallel over slots.

Neurons are split by index into *slots*, whose number depends on m and s alone. One thread owns a
slot, sums go to the slot's private accumulator, and the accumulators are added in a fixed tree: the
results are the same bits for any number of threads.
"""

from .advance import advance, repulsor_starts
from .arrays import Frame, download, empty, upload
from .field import field, prediction, residual_rate, tangent_kernel
from .frames import (
    largest_drift,
    pack_delta,
    pack_frame,
    to_direction,
    unpack_cells,
    unpack_state,
)
from .gradient_descent import gradient_descent
from .lanczos import lanczos
from .mean_residual import mean_residual
from .moments import (
    cell_counts,
    count_changes,
    first_moments,
    first_moments_at,
    locate_all,
    second_moments,
)
from .runge_kutta import STAGES, runge_kutta_step
from .slots import (
    add_pairs,
    identity_order,
    order_of,
    set_order,
    slot_bounds,
    slots_of,
    sort_slots,
    tree_sum,
    wants_order,
)
from .stepping import boost_steps
from .velocity import velocity

__all__ = [
    "STAGES",
    "Frame",
    "add_pairs",
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
    "slot_bounds",
    "slots_of",
    "sort_slots",
    "tangent_kernel",
    "to_direction",
    "tree_sum",
    "unpack_cells",
    "unpack_state",
    "upload",
    "velocity",
    "wants_order",
]
