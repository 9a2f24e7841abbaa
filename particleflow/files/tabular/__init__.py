"""Columns of numbers in the files that people have: delimited text, .npy, .npz, HDF5, netCDF.

The parsers are those of the standard library, of numpy and of h5py. What is ours is the decision
how a text is laid out, because it has to refuse what can be read in two ways, with the line and the
key that settles it, where readers for exploring data guess.
"""

from pathlib import Path

from particleflow.errors import ParticleflowError

from .arrays import READERS, read_arrays
from .columns import Choice, Missing, Table, checked
from .objects import read_object
from .reading import read_text
from .text import opened

__all__ = ["Choice", "Missing", "Table", "checked", "opened", "read_object", "read_table"]


def read_table(file: Path, choice: Choice, error: type[ParticleflowError]) -> Table:
    """The columns of a file, by the ending of its name: arrays, or delimited text.

    Raises
    ------
    error
        The file cannot be read, or what it holds is not plain.
    """
    read = read_arrays if file.suffix.lower() in READERS else read_text
    return read(file, choice, error)
