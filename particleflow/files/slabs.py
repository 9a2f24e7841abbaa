"""Slabs, pieces of an array of frames x neurons that fit into memory, if possible whole chunks."""

from collections.abc import Iterator, Sequence

BUDGET = 1 << 23
"""Largest number of pairs of a frame and a neuron in a slab: 64 MiB of positions in float32."""


def slabs(
    frames: int, n: int, chunks: Sequence[tuple[int, int]], most: int = BUDGET
) -> Iterator[tuple[slice, slice]]:
    """Frames and neurons of each slab of an array, which together cover all pairs once.

    Slabs of the same neurons follow each other, in the order of their frames.

    Parameters
    ----------
    frames, n : int
    chunks : sequence of (frames, neurons)
        Sizes of the chunks in the files that are read and written. A slab holds whole chunks of
        the last size unless such a chunk is larger than ``most``, and reaches over chunks of the
        other sizes as far as there is room.
    most : int
        Largest number of pairs of a frame and a neuron in a slab.
    """
    if frames == 0 or n == 0:
        return
    long, wide = _extent(frames, n, chunks, most)
    for lo in range(0, n, wide):
        for begin in range(0, frames, long):
            yield slice(begin, min(begin + long, frames)), slice(lo, min(lo + wide, n))


def _extent(frames: int, n: int, chunks: Sequence[tuple[int, int]], most: int) -> tuple[int, int]:
    """Frames and neurons of a slab that is not cut by the end of an axis."""
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
    """``size`` rounded down to whole units, but one unit at least and ``most`` at most."""
    return min(most, max(1, size // unit) * unit)
