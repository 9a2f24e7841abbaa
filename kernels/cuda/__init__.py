"""Kernels over all neurons on a CUDA device, with the names and signatures of ``kernels.cpu``.

What differs is how neurons are split and ordered (`split_of`, `order_of`); what only the host needs
is missing. Arrays of the size of the state are the device's; those of the size of the samples are
the host's, and nothing larger crosses between them in a step. Sums have a fixed order, so that the
same device gives the same bits: no atomic operation is on floating-point numbers.
"""

from .arrays import Frame, download, empty, upload
from .descent import gradient_descent
from .frames import largest_drift, pack_delta, pack_frame, unpack_cells, unpack_state
from .halving import halve_if_due
from .hessian import count_on_rays
from .moments import (
    cell_counts,
    count_changes,
    first_moments,
    first_moments_at,
    second_moments,
    square_sums,
)
from .passes import exact_pass, repulsor_starts
from .runge_kutta import runge_kutta_step
from .slots import Slots as split_of
from .slots import arrays_of, order_of, restored, sort_slots
from .steps import boost_steps
from .velocity import velocity

__all__ = [
    "Frame",
    "arrays_of",
    "boost_steps",
    "cell_counts",
    "count_changes",
    "count_on_rays",
    "download",
    "empty",
    "exact_pass",
    "first_moments",
    "first_moments_at",
    "gradient_descent",
    "halve_if_due",
    "largest_drift",
    "order_of",
    "pack_delta",
    "pack_frame",
    "repulsor_starts",
    "restored",
    "runge_kutta_step",
    "second_moments",
    "sort_slots",
    "split_of",
    "square_sums",
    "unpack_cells",
    "unpack_state",
    "upload",
    "velocity",
]
