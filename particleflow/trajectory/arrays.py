"""Plain arrays in an HDF5 file."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from . import disk, layout


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], overwrite: bool = False) -> None:
    """Write named arrays as datasets of a new file.

    Raises
    ------
    TrajectoryError
        The file is taken or cannot be written.
    """

    def fill(file: h5py.File) -> None:
        for name, values in arrays.items():
            layout.store(file, name, np.asarray(values))

    disk.create(path, overwrite, fill)
