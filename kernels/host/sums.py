"""The fixed tree that adds up the sums of slots: the same bits however slots are shared out."""

import numpy as np

from .._jit import block, driver

PAD = 8
"""Rows between the accumulators of two slots, so that they share no cache line."""


@block
def _add(into, what):
    for i in range(into.size):
        into[i] += what[i]


@driver
def add_pairs(acc, first, stride):
    """Take one level of the tree: add row i + stride to row i, for i a multiple of 2 stride.

    Row 0 of ``acc`` is row ``first`` of all rows, of which a rank may hold a part. Rows whose
    partner is not in ``acc`` are left as they are.
    """
    # the first multiple of 2 stride that is not below `first`
    begin = -(-first // (2 * stride)) * 2 * stride
    for i in range(begin - first, acc.shape[0] - stride, 2 * stride):
        _add(acc[i], acc[i + stride])


@driver
def tree_sum(acc):
    """Add the rows of ``acc`` pairwise into row 0, in place and in a fixed order."""
    stride = np.int64(1)
    while stride < acc.shape[0]:
        add_pairs(acc, np.int64(0), stride)
        stride *= 2


def sum_slots(acc, whole=None):
    """The sum of all rows of ``acc`` (n_slots, ...), and of those of other parts if there are any.

    ``acc`` is overwritten. For ``whole`` see ``kernels.whole``.
    """
    if whole is None:
        tree_sum(acc.reshape((acc.shape[0], -1)))
    else:
        whole.add(acc)
    return acc[0]
