"""Many steps of the exact flow: passes run on the device, what lies between them on the host."""

from ..host.control import UNSORTED
from ..host.steps import passes_with, steps_by_passes
from ..records import rows_of
from .halving import halve_if_due
from .passes import exact_pass
from .slots import sort_slots

SORT_SHARE = 0.05
"""Neurons are sorted again when the rest of a pass has grown by this share of all neurons since the
last sort."""


def boost_steps(flow, order, samples, control, limits, shown, whole=None):
    """Take steps of the exact flow, as ``cpu.boost_steps`` does.

    Neurons are the device's, all else is the host's.
    """
    slots = order.slots
    run_pass = passes_with(exact_pass, order, samples, whole)

    def make_ready(begin):
        if control.counts[UNSORTED] >= 0 and slots.clock.is_over(SORT_SHARE * slots.m):
            sort_slots(rows_of(begin), order)
        halve_if_due(rows_of(begin), order.slots, flow.first.sigma)

    return steps_by_passes(flow, run_pass, make_ready, samples, control, limits, shown)
