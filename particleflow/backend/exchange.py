"""Neurons shared out to ranks, and sums over the slots of all of them.

Each rank has consecutive slots. What a step sends is what slots add up to, nothing else: a number
of bytes that depends on the samples, not on the neurons.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import DeviceError
from particleflow.kernels import cpu
from particleflow.kernels.host import sums
from particleflow.ranks.world import Ranks

ORDERED_SAMPLES = 1000
"""Samples up to which sums are gathered in the order of the slots' tree: the same bits for any
number of ranks. Beyond, MPI adds them up, in an order of its own."""


class Share(NamedTuple):
    """The neurons of a rank.

    Attributes
    ----------
    m : int
        Number of all neurons.
    first, last : int
        Its own: first .. last - 1.
    slots : (n + 1,) int64
        First neuron of each of its slots, counted from ``first``, and their number.
    edges : (n_ranks + 1,) int64
        First slot of each rank, and the number of all slots.
    """

    m: int
    first: int
    last: int
    slots: np.ndarray
    edges: np.ndarray

    def rows(self, n: int) -> tuple[int, int]:
        """The rows of its own neurons among n evenly spread ones, row j being j m // n."""
        return -(-self.first * n // self.m), -(-self.last * n // self.m)


def share_of(m: int, s: int, rank: int = 0, size: int = 1) -> Share:
    """The share of a rank in m neurons on s samples.

    Raises
    ------
    DeviceError
        There are more ranks than slots.
    """
    bounds = cpu.slot_bounds(m, s)
    n = bounds.size - 1
    if size > n:
        raise DeviceError(
            f"ranks: {m:,} neurons on {s:,} samples are split into {n} slots, expected at most so "
            f"many ranks, found {size}"
        )
    edges = np.arange(size + 1, dtype=np.int64) * n // size
    own = bounds[edges[rank] : edges[rank + 1] + 1]
    return Share(m, int(own[0]), int(own[-1]), own - own[0], edges)


def is_ordered(s: int) -> bool:
    """Whether sums over the ranks have the order of the slots."""
    return s <= ORDERED_SAMPLES


class Exchange:
    """Adds up rows of all ranks: ``exchange(acc)``, see ``kernels.whole``; collective.

    In order, a pair of rows of the tree of ``sums.tree_sum`` whose rows are of two ranks is added
    by the one that has the left row, which the other sends; rank 0 sends the total to all.

    Parameters
    ----------
    ranks : Ranks
        More than one.
    edges : (n_ranks + 1,) int64
        First row of each rank, and the number of all rows.
    in_order : bool
    """

    def __init__(self, ranks: Ranks, edges: np.ndarray, in_order: bool) -> None:
        self._ranks, self._edges, self._in_order = ranks, edges, in_order
        self._first, self._last = (int(e) for e in edges[ranks.rank :][:2])
        self._received = np.empty(0)

    def __call__(self, acc: Array) -> None:
        rows = acc.reshape((acc.shape[0], -1))
        if self._in_order:
            self._add_in_order(rows)
        else:
            sums.tree_sum(rows)
            self._ranks.add(rows[0])

    def _add_in_order(self, rows: Array) -> None:
        first, last, total = self._first, self._last, int(self._edges[-1])
        stride = 1
        while stride < total:
            sums.add_pairs(rows, first, stride)
            left = (last - 1) // (2 * stride) * 2 * stride  # of the pair that may end elsewhere
            if left >= first and last <= left + stride < total:
                rows[left - first] += self._receive(left + stride, rows.shape[1])
            right = -(-first // stride) * stride  # of the pair that may begin elsewhere
            if right < last and right // stride % 2 == 1:
                self._ranks.send(rows[right - first], self._owner(right - stride))
            stride *= 2
        self._ranks.spread(rows[0])

    def _receive(self, row: int, width: int) -> Array:
        if self._received.size != width:
            self._received = np.empty(width)
        self._ranks.receive(self._received, self._owner(row))
        return self._received

    def _owner(self, row: int) -> int:
        return int(np.searchsorted(self._edges, row, side="right")) - 1


def by_rank(exchange: Exchange) -> Callable[[Array], None]:
    """An exchange of any number of rows on each rank, which are added up first."""

    def add(acc: Array) -> None:
        sums.tree_sum(acc.reshape((acc.shape[0], -1)))
        exchange(acc[:1])

    return add
