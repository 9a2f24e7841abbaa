"""Parts of the rows of a trajectory, frames x neurons, that memory holds and chunks suggest."""

from collections.abc import Iterator, Sequence

BUDGET = 1 << 23
"""Pairs of a frame and a neuron in a slab, at most: 64 MiB of positions in single precision."""


def slabs(
    frames: int, n: int, chunks: Sequence[tuple[int, int]], most: int = BUDGET
) -> Iterator[tuple[slice, slice]]:
    """Frames and neurons of each part; the frames of some neurons follow each other.

    Parameters
    ----------
    frames, n : int
    chunks : sequence of (frames, neurons)
        Those of the files that are read and written; a part holds whole chunks of the last one
        unless one is larger than ``most``, and of the others as far as there is room.
    most : int
        Pairs of a frame and a neuron in a part.
    """
    if frames == 0 or n == 0:
        return
    long, wide = _extent(frames, n, chunks, most)
    for lo in range(0, n, wide):
        for begin in range(0, frames, long):
            yield slice(begin, min(begin + long, frames)), slice(lo, min(lo + wide, n))


def _extent(frames: int, n: int, chunks: Sequence[tuple[int, int]], most: int) -> tuple[int, int]:
    unit_long, unit_wide = (max(1, size) for size in chunks[-1])
    long = _whole(max(chunk[0] for chunk in chunks), unit_long, frames)
    wide = _whole(max(chunk[1] for chunk in chunks), unit_wide, n)
    if long * wide <= most:
        long = _whole(most // wide, unit_long, frames)
        return long, _whole(most // long, unit_wide, n)
    wide = _whole(most // long, unit_wide, n)
    if long * wide > most:
        long = _whole(most // wide, unit_long if unit_long * wide <= most else 1, frames)
    return long, wide


def _whole(size: int, unit: int, most: int) -> int:
    """At least one unit, and no more whole ones than fit into a size; ``most`` if that is less."""
    return min(most, max(1, size // unit) * unit)
