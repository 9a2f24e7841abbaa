"""Kernels over all neurons on the CPU, parallel over slots.

Neurons are split by index into *slots*, whose number depends on m and s alone. One thread works on
a slot at a time and adds up in the slot's own accumulator; the accumulators are added in a fixed
tree. So the results are the same bits for any number of threads.
"""

from .arrays import Frame, download, empty, upload
from .descent import gradient_descent
from .frames import (
    largest_drift,
    pack_delta,
    pack_frame,
    to_direction,
    unpack_cells,
    unpack_state,
)
from .halving import halve_if_due
from .hessian import count_on_rays, hessian_product
from .moments import (
    cell_counts,
    cell_masses,
    count_changes,
    first_moments,
    first_moments_at,
    locate_all,
    second_moments,
    square_sums,
)
from .passes import exact_pass, repulsor_starts
from .runge_kutta import runge_kutta_step
from .slots import arrays_of, order_of, restored, slot_bounds, sort_slots, wants_order
from .slots import slot_bounds as split_of
from .steps import boost_steps
from .velocity import velocity

__all__ = [
    "Frame",
    "arrays_of",
    "boost_steps",
    "cell_counts",
    "cell_masses",
    "count_changes",
    "count_on_rays",
    "download",
    "empty",
    "exact_pass",
    "first_moments",
    "first_moments_at",
    "gradient_descent",
    "halve_if_due",
    "hessian_product",
    "largest_drift",
    "locate_all",
    "order_of",
    "pack_delta",
    "pack_frame",
    "repulsor_starts",
    "restored",
    "runge_kutta_step",
    "second_moments",
    "slot_bounds",
    "sort_slots",
    "split_of",
    "square_sums",
    "to_direction",
    "unpack_cells",
    "unpack_state",
    "upload",
    "velocity",
    "wants_order",
]
