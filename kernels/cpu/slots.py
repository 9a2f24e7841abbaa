"""Slots of neurons, and their order inside a slot.

A slot in sector order is a sequence of regions, one for each cell, in the order of theta: sector 0,
ray 0, sector 1, ray 1, and so forth, and the origin last; so neurons that cross move to a region
close by. Region k starts at ``start[k]``. Right after a sort all of its neurons are in its cell:
*members*. While gradient descent moves neurons, it keeps each region in three parts and counts
them: strays first, then the ``guests[k]`` (``cpu.push_slot``), and the ``members[k]`` last. The
exact flow counts nothing: its neurons may be in any cell wherever they lie. A slot in plain order
is a single region without members. ``ident`` is the index of a neuron in the original order,
counted from its slot's begin.
"""

import numpy as np

from .._jit import block, leaf, parallel, prange, views
from ..records import Order, Slot
from ..sectors import cell_of, region_of
from .runs import run_end

MAX_SLOTS = 64
"""Most slots, unless these are large."""
NEURONS_A_LARGE_SLOT = 2**18
"""Neurons that a slot has at least where there are more slots than `MAX_SLOTS`: for many ranks."""
ENOUGH_SLOTS = 16
"""Slots below which their number is not lowered for the sake of long runs."""
NEURONS_A_SLOT = 4096
"""Neurons that a slot has at least, where there are two or more."""
SAMPLES = 16
"""Neurons that a slot has at least for each sample, since the sums of a slot take O(s)."""
NEURONS_A_SECTOR = 128
"""Average number of neurons in a sector of a slot from which on more make a step no cheaper."""
SERIAL = 2**15
"""Number of neurons up to which a parallel region costs more than a cheap loop over them."""


def slot_bounds(m, s):
    """The first neuron of each slot, and m at the end, int64 (n_slots + 1,).

    They depend on m and s alone, not on the number of threads or ranks, and so do the bits of sums.
    """
    long_runs = m // (2 * s * NEURONS_A_SECTOR)
    most = max(MAX_SLOTS, m // NEURONS_A_LARGE_SLOT)
    n = min(most, m // max(NEURONS_A_SLOT, SAMPLES * s), max(ENOUGH_SLOTS, long_runs))
    n = 1 << max(0, int(n).bit_length() - 1)  # a power of 2, shared out evenly by most machines
    return np.arange(n + 1, dtype=np.int64) * m // n


def wants_order(m, s, n_slots, run_length, sorted_from):
    """Whether sector order pays.

    It does from ``sorted_from`` neurons on, if a sector of a slot holds ``run_length`` on average.
    """
    return m >= max(sorted_from, run_length * 2 * s * n_slots)


def order_of(slots, s, by_sector):
    """The `Order` of neurons that lie as they came.

    Parameters
    ----------
    slots : (n_slots + 1,) int64
        First neuron of each slot, and the number of neurons at the end.
    s : int
        Number of samples.
    by_sector : bool
        Whether the slots shall be sorted by sector; ``sort_slots`` then fills the tables.

    Returns
    -------
    Order
        ``ident`` is (m,) int32, ``start`` (n_slots, n_regions + 1) and ``members`` (n_slots,
        n_regions) int64.
    """
    n_slots = slots.size - 1
    sizes = np.diff(slots)
    ident = np.empty(slots[-1], np.int32)
    for i in range(n_slots):
        ident[slots[i] : slots[i + 1]] = np.arange(sizes[i], dtype=np.int32)
    n_regions = 4 * s + 1 if by_sector else 1
    start = np.zeros((n_slots, n_regions + 1), np.int64)
    start[:, 1:] = sizes[:, None]
    members = np.zeros((n_slots, n_regions), np.int64)
    return Order(
        slots, ident, start, members, np.zeros_like(members), np.zeros(n_slots),
        np.zeros(n_slots, np.int64),
    )  # fmt: skip


def arrays_of(order):
    """The arrays of an order by name, from which `restored` makes the order again."""
    arrays = order._asdict()
    arrays["bounds"] = arrays.pop("slots")
    return arrays


def restored(order, arrays):
    """The order whose arrays `arrays_of` gave; ``order`` is one of slots with the same bounds."""
    names = (name for name in Order._fields if name != "slots")
    return Order(order.slots, *(arrays[name].copy() for name in names))


@views
def slot_of(neurons, ident, lo, hi):
    """The `Slot` of the neurons lo:hi, as views."""
    a, b, c, cell = neurons
    return Slot(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], ident[lo:hi])


@leaf
def swap_members(slot, i, j):
    """Exchange two neurons of one cell, whose cells need not be exchanged."""
    a, b, c, _, ident = slot
    a[i], a[j] = a[j], a[i]
    b[i], b[j] = b[j], b[i]
    c[i], c[j] = c[j], c[i]
    ident[i], ident[j] = ident[j], ident[i]


@leaf
def swap(slot, i, j):
    """Exchange two neurons of any cells."""
    swap_members(slot, i, j)
    cell = slot.cell
    cell[i], cell[j] = cell[j], cell[i]


@block
def sort_slot(slot, start, members):
    """Put one slot into sector order, in place: a counting sort by cycles of swaps.

    ``start`` and ``members`` are overwritten. Neurons that are in their region already stay where
    they are.
    """
    cell = slot.cell
    n_regions = members.size
    s = n_regions // 4
    members[:] = 0
    lo = np.int64(0)
    while lo < cell.size:
        hi = run_end(cell, lo)
        members[region_of(np.int64(cell[lo]), s)] += hi - lo
        lo = hi
    start[0] = 0
    for k in range(n_regions):
        start[k + 1] = start[k] + members[k]
    front = start[:-1].copy()  # of each region the first place whose neuron may be a wrong one
    for k in range(n_regions):
        own, end = cell_of(k, s), start[k + 1]
        i = front[k]
        while i < end:
            if cell[i] == own:
                i = min(run_end(cell, i), end)
                continue
            other = cell[i]
            r = region_of(np.int64(other), s)
            j = front[r]
            while cell[j] == other:
                j += 1
            swap(slot, i, j)
            front[r] = j + 1


@parallel
def sort_slots(neurons, order):
    """Put every slot into sector order, in place."""
    slots, ident, start, members = order.slots, order.ident, order.start, order.members
    for i in prange(slots.size - 1):
        sort_slot(slot_of(neurons, ident, slots[i], slots[i + 1]), start[i], members[i])
