"""Exports as extended XYZ, which OVITO and ASE open: the neurons as points on a cylinder.

A frame is a line with the number of neurons, a line of the names of columns with the time, and a
line for each neuron. Numbers are written with as many digits as it takes to read the same numbers
back. The species is X, ASE's name of an atom of no element.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .choice import Block, Choice
from .table import digits

_PIECE = 100_000
"""How many neurons are turned into text at a time."""
SPECIES = "X"


def write(choice: Choice, target: Path) -> None:
    """Write the file, frame by frame."""
    known = choice.constants
    properties = "species:S:1:pos:R:3:id:I:1:rhat:R:1:theta:R:1:knot:R:1:cell:I:1"
    properties += "".join(f":{name}:R:1" for name in known)
    times, n = choice.trajectory.time, choice.shape[1]
    with target.open("w", encoding="ascii", newline="\n") as file:
        for block in choice.blocks():
            for k, frame in enumerate(choice.frames[block.where]):
                time = float(times[frame])
                file.write(f'{n}\nProperties={properties} pbc="F F F" Time={time!r}\n')
                file.writelines(_lines(choice, block, k, list(known.values())))


def _lines(choice: Choice, block: Block, k: int, constants: list[np.ndarray]) -> Iterator[str]:
    """A line for each neuron of a frame of the block."""
    for lo in range(0, choice.shape[1], _PIECE):
        some = slice(lo, lo + _PIECE)
        columns = [
            *block.points[k, some].T, choice.ids[some], *block.position[k, some].T,
            block.knots[k, some], block.cell[k, some], *(values[some] for values in constants),
        ]  # fmt: skip
        for row in zip(*map(digits, columns), strict=True):
            yield f"{SPECIES} {' '.join(row)}\n"
