"""The arrays of snapshots: how to order, join and divide them, and whether they fit a state.

A snapshot is of a rank's share of the neurons. Each of its arrays has a row for each neuron or for
each slot of that share, or is the same on all ranks; the end of its name says which. The array
``bounds`` holds the first neuron of each slot, counted among all neurons, and the end of the last.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from particleflow.arguments import Array

Arrays = Mapping[str, np.ndarray]

_OF_NEURONS = ("variables", "cell", "ident", "mass")
_OF_SLOTS = ("start", "members", "guests", "stray_work", "crossings")
_OF_DEVICE_ORDER = ("homes", "pace")
"""Ends of names of arrays that mean something only for a device with exactly these neurons: other
shares get an empty array."""
_NOTHING = np.empty(0)


def order_of(arrays: Arrays) -> np.ndarray:
    """Original indices of the neurons of a snapshot, in its order; its first neuron has index 0."""
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


def mass_of(arrays: Arrays) -> Array | None:
    """The weights of the neurons of a snapshot, (m,) in the original order; None if all are equal.

    Raises
    ------
    ValueError
        Their number is not that of the neurons.
    """
    if "mass" not in arrays:
        return None
    order = order_of(arrays)
    if arrays["mass"].shape != order.shape:
        raise ValueError(f"mass: expected {order.shape}, found {arrays['mass'].shape}")
    mass = np.empty(order.size)
    mass[order] = arrays["mass"]
    return mass


def like(now: Any, arrays: Arrays, name: str) -> np.ndarray:
    """The array of this name, if it has the shape and dtype of ``now``.

    Raises
    ------
    KeyError, ValueError
        The array is missing, or has another shape or dtype.
    """
    found = arrays[name]
    if found.shape != now.shape or found.dtype != now.dtype:
        raise ValueError(
            f"{name}: expected {now.dtype} {now.shape}, found {found.dtype} {found.shape}"
        )
    return found


def _kind(name: str, kinds: tuple[str, ...]) -> bool:
    """Whether a name is one of ``kinds``, or ends in one after an underscore, as ``begin_cell``."""
    return any(name == kind or name.endswith(f"_{kind}") for kind in kinds)


def joined(parts: Iterable[Arrays]) -> dict[str, np.ndarray]:
    """The snapshot of several consecutive shares as one snapshot."""
    all_parts = [dict(part) for part in parts]
    if len(all_parts) == 1:
        return all_parts[0]
    out: dict[str, np.ndarray] = {}
    for name in list(all_parts[0]):
        arrays = [part.pop(name) for part in all_parts]  # so that no array is held twice for long
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
    """The part of a snapshot that consists of the slots which hold the neurons first .. last - 1.

    Parameters
    ----------
    bounds : (n_slots + 1,) int64
        ``bounds`` of the snapshot.
    first, last : int

    Attributes
    ----------
    neurons : slice
        Place of the part in arrays by neuron, along their last axis.
    bounds : (n + 1,) int64
        ``bounds`` of the part.

    Raises
    ------
    ValueError
        The snapshot does not hold all of these neurons.
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
        """Whether an array of this name has a column for each neuron."""
        return _kind(name, _OF_NEURONS)

    def of(self, name: str, array: np.ndarray) -> np.ndarray:
        """The part of an array of the snapshot, which is named ``name``."""
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
    """The snapshot of exactly the neurons first .. last - 1, out of one whose slots may hold more.

    Where the slots do hold more, the neurons are put into the original order as a single slot, and
    the state that restores them makes its slots anew. ``arrays`` is modified in place.
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
        # prefixes are "" and longer ones: every name begins with the first
        others = tuple(other for other in prefixes if other > prefix)
        for name in arrays:
            if _kind(name, _OF_NEURONS) and name.startswith(prefix) and not name.startswith(others):
                arrays[name] = np.ascontiguousarray(arrays[name][..., inverse[keep]])
        arrays[f"{prefix}ident"] = np.arange(last - first, dtype=np.int32)
        arrays[f"{prefix}bounds"] = np.array([first, last])
    return arrays
