"""Arrays of a snapshot: their order, what part of them is whose, and whether they fit.

The arrays of a snapshot are those of a rank's share of the neurons. They are of its neurons or of
its slots, except for those that are the same on all ranks. ``bounds`` are the first neurons of its
slots among all neurons, and the end of the last one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from particleflow.arguments import Array

Arrays = Mapping[str, np.ndarray]

_OF_NEURONS = ("variables", "cell", "ident")
_OF_SLOTS = ("start", "members", "guests", "stray_work", "crossings")
_OF_DEVICE_ORDER = ("homes", "pace")
"""Of a device with exactly these neurons: any other part has none."""
_NOTHING = np.empty(0)


def order_of(arrays: Arrays) -> np.ndarray:
    """Original indices of the neurons of a snapshot in its order, its first one being 0."""
    bounds = arrays["bounds"]
    return np.asarray(arrays["ident"] + np.repeat(bounds[:-1] - bounds[0], np.diff(bounds)))


def original_order(
    arrays: Arrays, variables: str = "variables", cell: str = "cell"
) -> tuple[Array, np.ndarray]:
    """Variables (3, m) and cells (m,) of a `State.snapshot` in the original order."""
    order = order_of(arrays)
    out, cells = np.empty(arrays[variables].shape), np.empty(order.size, np.int32)
    out[:, order], cells[order] = arrays[variables], arrays[cell]
    return out, cells


def like(now: Any, arrays: Arrays, name: str) -> np.ndarray:
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


def _kind(name: str, kinds: tuple[str, ...]) -> bool:
    """Whether a name is one of these, whatever stands before it, as in ``begin_cell``."""
    return any(name == kind or name.endswith(f"_{kind}") for kind in kinds)


def joined(parts: Iterable[Arrays]) -> dict[str, np.ndarray]:
    """The snapshot of consecutive shares together; takes over their arrays one by one."""
    all_parts = [dict(part) for part in parts]
    if len(all_parts) == 1:
        return all_parts[0]
    out: dict[str, np.ndarray] = {}
    for name in list(all_parts[0]):
        arrays = [part.pop(name) for part in all_parts]
        if _kind(name, ("bounds",)):
            out[name] = np.concatenate([arrays[0][:1], *(array[1:] for array in arrays)])
        elif _kind(name, _OF_NEURONS):
            out[name] = np.concatenate(arrays, axis=-1)
        elif _kind(name, _OF_SLOTS):
            out[name] = np.concatenate(arrays)
        else:
            out[name] = _NOTHING if _kind(name, _OF_DEVICE_ORDER) else arrays[0]
    return out


class Part:
    """The part of a snapshot with these bounds that belongs to the neurons first .. last - 1.

    All of the slots in which they are.

    Attributes
    ----------
    neurons : slice
        Of the arrays of neurons, along their last axis.
    bounds : (n + 1,) int64
        Of these slots.

    Raises
    ------
    ValueError
        They are not all in it.
    """

    def __init__(self, bounds: np.ndarray, first: int, last: int) -> None:
        if not bounds[0] <= first < last <= bounds[-1]:
            raise ValueError(
                f"holds the neurons {bounds[0]} to {bounds[-1]}, expected {first} to {last}"
            )
        begin = int(np.searchsorted(bounds, first, side="right")) - 1
        end = int(np.searchsorted(bounds, last))
        self._slots = slice(begin, end)
        self.neurons = slice(int(bounds[begin] - bounds[0]), int(bounds[end] - bounds[0]))
        self.bounds = bounds[begin : end + 1]
        self._is_all = end - begin == bounds.size - 1

    def is_of_neurons(self, name: str) -> bool:
        """Whether an array of this name is by neuron."""
        return _kind(name, _OF_NEURONS)

    def of(self, name: str, array: np.ndarray) -> np.ndarray:
        """Its part of an array."""
        if self._is_all:
            return array
        if _kind(name, ("bounds",)):
            return self.bounds
        if _kind(name, _OF_NEURONS):
            return np.ascontiguousarray(array[..., self.neurons])
        if _kind(name, _OF_SLOTS):
            return array[self._slots].copy()
        return _NOTHING if _kind(name, _OF_DEVICE_ORDER) else array


def trimmed(arrays: dict[str, np.ndarray], first: int, last: int) -> dict[str, np.ndarray]:
    """The snapshot of neurons first .. last - 1 out of one whose slots hold more of them.

    In the original order: slots have to be made anew. ``arrays`` is modified.
    """
    prefixes = sorted(name.removesuffix("bounds") for name in arrays if name.endswith("bounds"))
    for prefix in prefixes:
        bounds = arrays[f"{prefix}bounds"]
        if bounds[0] == first and bounds[-1] == last:
            continue
        keep = slice(first - int(bounds[0]), last - int(bounds[0]))
        order = order_of({name: arrays[f"{prefix}{name}"] for name in ("ident", "bounds")})
        inverse = np.empty_like(order)
        inverse[order] = np.arange(order.size)
        others = tuple(other for other in prefixes if other > prefix)
        for name in arrays:
            if _kind(name, _OF_NEURONS) and name.startswith(prefix) and not name.startswith(others):
                arrays[name] = np.ascontiguousarray(arrays[name][..., inverse[keep]])
        arrays[f"{prefix}ident"] = np.arange(last - first, dtype=np.int32)
        arrays[f"{prefix}bounds"] = np.array([first, last])
    return arrays
