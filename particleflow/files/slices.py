"""Slices of an axis in the forms that HDF5 accepts."""


def as_slice(chosen: range) -> slice:
    """The slice that chooses the same indices, none negative, of an axis that has them all."""
    if not chosen:
        return slice(0, 0)
    # a range that goes down to 0 stops at -1, which a slice would take for the last index
    return slice(chosen.start, chosen.stop if chosen.stop >= 0 else None, chosen.step)


def forwards(chosen: range) -> slice:
    """The slice that chooses these indices in ascending order: h5py takes no negative step."""
    return as_slice(chosen if chosen.step > 0 else chosen[::-1])
