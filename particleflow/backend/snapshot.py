"""Arrays of a snapshot: their order, and whether they fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from particleflow._cast import Array


def order_of(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Original indices of the neurons of a snapshot in its order, (m,)."""
    bounds = arrays["bounds"]
    return np.asarray(arrays["ident"] + np.repeat(bounds[:-1], np.diff(bounds)))


def original_order(
    arrays: Mapping[str, np.ndarray], variables: str = "variables", cell: str = "cell"
) -> tuple[Array, np.ndarray]:
    """Variables (3, m) and cells (m,) of a `State.snapshot` in the original order."""
    order = order_of(arrays)
    out, cells = np.empty(arrays[variables].shape), np.empty(order.size, np.int32)
    out[:, order], cells[order] = arrays[variables], arrays[cell]
    return out, cells


def like(now: Any, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The array of this name, if it has the shape and dtype of ``now``.

    Raises
    ------
    KeyError, ValueError
    """
    found = arrays[name]
    if found.shape != now.shape or found.dtype != now.dtype:
        raise ValueError(
            f"{name}: expected {now.dtype} {now.shape}, found {found.dtype} {found.shape}"
        )
    return found
