"""How neurons are shared out to ranks, and how the sums over the slots of all ranks are made.

Each rank has consecutive slots. In a step ranks send only sums over slots, so that the number of
bytes depends on the samples, not on the neurons.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import DeviceError
from particleflow.kernels import cpu
from particleflow.kernels.host import sums
from particleflow.kernels.whole import Whole
from particleflow.ranks.world import Ranks

ORDERED_SAMPLES = 1000
"""Number of samples up to which the sums of slots are added in the order of their tree, to the same
bits for any number of ranks. Beyond, MPI adds them up in an order of its own."""


class Share(NamedTuple):
    """The neurons of a rank.

    Attributes
    ----------
    m : int
        Number of all neurons.
    first, last : int
        The rank has the neurons first .. last - 1.
    slots : (n + 1,) int64
        First neuron of each slot of the rank, counted from ``first``, and the end of the last slot.
    edges : (n_ranks + 1,) int64
        First slot of each rank, and the number of all slots.
    """

    m: int
    first: int
    last: int
    slots: np.ndarray
    edges: np.ndarray

    def rows(self, n: int) -> tuple[int, int]:
        """First and last + 1 of the rows of a frame that show neurons of this rank.

        Row j of the n rows of a frame shows neuron j m // n.
        """
        return -(-self.first * n // self.m), -(-self.last * n // self.m)


def share_of(m: int, s: int, rank: int = 0, size: int = 1) -> Share:
    """The share of rank ``rank`` of ``size`` in m neurons on s samples.

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
    """Whether sums over the ranks are made in the order of the slots, with s samples."""
    return s <= ORDERED_SAMPLES


class Exchange:
    """Adds up the rows of all ranks by ``exchange(acc)``, as ``kernels.whole`` asks; collective.

    In order, rows are added in pairs by the tree of ``sums.tree_sum``. Where the two rows of a pair
    belong to two ranks, that of the right row sends it to that of the left one, which adds them;
    in the end rank 0 sends the total to all.

    Parameters
    ----------
    ranks : Ranks
        The ranks that call; more than one.
    edges : (n_ranks + 1,) int64
        First row of each rank, and the number of all rows.
    in_order : bool
        Whether to add in the order of the tree, or in an order of MPI's own.
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
            # only the last pair that begins here may end on another rank: `add_pairs` leaves it
            left = (last - 1) // (2 * stride) * 2 * stride
            if left >= first and last <= left + stride < total:
                rows[left - first] += self._receive(left + stride, rows.shape[1])
            # only the first pair that ends here may begin on another rank
            right = -(-first // stride) * stride
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
    """An exchange for any number of rows, which each rank adds up to a single one first."""

    def add(acc: Array) -> None:
        sums.tree_sum(acc.reshape((acc.shape[0], -1)))
        exchange(acc[:1])

    return add


def wholes(share: Share, ranks: Ranks, s: int, device: str) -> tuple[Whole | None, Whole | None]:
    """The `Whole` for sums over slots, and that for any other rows; None twice for one rank."""
    if ranks.size == 1:
        return None, None
    in_order = is_ordered(s)
    add = by_rank(Exchange(ranks, np.arange(ranks.size + 1), in_order))
    whole_by_rank = Whole(share.m, add)
    if device == "cuda":  # a device has one slot
        return whole_by_rank, whole_by_rank
    return Whole(share.m, Exchange(ranks, share.edges, in_order)), whole_by_rank
