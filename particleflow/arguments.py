"""The one gate for shapes, types and finiteness of what users hand in.

Each function takes the name of the argument and the class of the error to raise, and returns the
argument in the form that the package works with.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ParticleflowError

Array = NDArray[np.float64]
PathLike = str | os.PathLike[str]


def unmasked(name: str, values: Any, error: type[ParticleflowError]) -> None:
    """Refuse an array with masked entries, since what lies under a mask is no value."""
    if np.ma.is_masked(values):
        where = np.argwhere(np.ma.getmaskarray(values))[0].tolist()
        at = f"[{', '.join(map(str, where))}]" if where else ""
        raise error(f"{name}{at} is masked: expected a finite number")


def numbers(name: str, values: ArrayLike, error: type[ParticleflowError]) -> Array:
    """The values as a new, contiguous float64 array of any shape, finite or not."""
    unmasked(name, values, error)
    try:
        given = np.asarray(values)
    except (TypeError, ValueError) as problem:
        raise error(f"{name}: expected numbers, found {problem}") from None
    if given.dtype.kind not in "biuf" and given.size:  # neither truth values, integers nor floats
        raise error(f"{name}: expected numbers, found {_described(values, given)}")
    return np.array(given, dtype=np.float64, order="C")


def _described(values: Any, given: np.ndarray) -> str:
    """What was given where numbers were expected: a value, or the dtype of an array."""
    return brief(values) if given.ndim == 0 else str(given.dtype)


def brief(value: Any) -> str:
    """A value in a message: words and numbers as they are, of anything else its type."""
    if value is None or isinstance(value, (str, bool, int, float, complex)):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return type(value).__name__


def shortened(text: str, most: int = 40) -> str:
    """A text as a message quotes it, cut to so many letters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def vector(name: str, values: ArrayLike, error: type[ParticleflowError]) -> Array:
    """The values as a new, contiguous, finite float64 array of one dimension."""
    array = numbers(name, values, error)
    if array.ndim != 1:
        raise error(f"{name}: expected one dimension, found shape {array.shape}")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        raise error(f"{name}[{where}] is {array[where]}: expected a finite number")
    return array


def increasing(name: str, values: ArrayLike, error: type[ParticleflowError]) -> Array:
    """The values as a `vector` of at least one number, strictly increasing."""
    array = vector(name, values, error)
    if array.size == 0:
        raise error(f"{name}: expected at least one number, found none")
    steps = np.diff(array)
    if (steps <= 0.0).any():
        i = int(np.flatnonzero(steps <= 0.0)[0])
        raise error(
            f"{name}: expected strictly increasing numbers, found {array[i]:g} before "
            f"{array[i + 1]:g}"
        )
    return array


def positive(name: str, value: Any, error: type[ParticleflowError]) -> float:
    """The value as a finite float above zero."""
    number = finite(name, value, error)
    if number <= 0.0:
        raise error(f"{name}: expected a number above 0, found {value}")
    return number


def finite(name: str, value: Any, error: type[ParticleflowError]) -> float:
    """The value as a finite float; text is refused, also "1.0", and so are True and False."""
    try:
        number = float(value) if not isinstance(value, (str, bytes, bool, np.bool_)) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise error(f"{name}: expected a number, found {value!r}")
    if not math.isfinite(number):
        raise error(f"{name}: expected a finite number, found {value}")
    return number


def count(
    name: str, value: Any, error: type[ParticleflowError], least: int = 1, most: int = 2**63 - 1
) -> int:
    """The value as an integer from ``least`` to ``most``; True and False are refused."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise error(f"{name}: expected a whole number, found {value!r}")
    if value < least:
        raise error(f"{name}: expected at least {least}, found {value}")
    if value > most:
        raise error(f"{name}: expected at most {most}, found {value}")
    return int(value)


def path_of(path: PathLike, error: type[ParticleflowError]) -> Path:
    """The argument as a `Path`; refused if it is no path."""
    try:
        return Path(path)
    except TypeError:
        raise error(f"expected a path, found {path!r}") from None


def existing_file(
    path: PathLike, error: type[ParticleflowError], may_be_pipe: bool = False
) -> Path:
    """The path of a file, refused unless the file exists and can be read.

    ``may_be_pipe`` allows a device or a pipe, such as ``/dev/stdin``.
    """
    file = path_of(path, error)
    if not file.exists():
        raise error(f"{file}: no such file")
    if file.is_dir():
        raise error(f"{file}: is a folder, expected a file")
    if not (may_be_pipe or file.is_file()):
        raise error(f"{file}: is a device or a pipe, expected a file")
    if not os.access(file, os.R_OK):
        raise error(f"{file}: no permission to read it")
    return file
