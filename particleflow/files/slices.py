"""Slices of an axis, as HDF5 takes them."""


def as_slice(chosen: range) -> slice:
    """The slice of a long enough axis that chooses these indices, none of which is negative."""
    if not chosen:
        return slice(0, 0)
    return slice(chosen.start, chosen.stop if chosen.stop >= 0 else None, chosen.step)


def forwards(chosen: range) -> slice:
    """h5py knows no steps backwards."""
    return as_slice(chosen if chosen.step > 0 else chosen[::-1])
