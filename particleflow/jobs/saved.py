"""The neurons of a checkpoint, of which each rank has read its share."""

from collections.abc import Mapping
from typing import Any

from particleflow.backend import mass_of, original_order
from particleflow.model.measure import scale_of
from particleflow.model.neurons import Neurons


class Saved:
    """A source of all neurons that has read only the share of this rank, and hands out that."""

    def __init__(self, size: int, own: Neurons) -> None:
        self.size, self.alpha, self._own = size, own.alpha, own

    def part(self, first: int, last: int) -> Neurons:
        return self._own


def some_neurons(arrays: Mapping[str, Any], size: int, alpha: float) -> Neurons:
    """The neurons of one of the states in a checkpoint, in the original order.

    A motion stores the present state, or the begin and the end of its step.

    Parameters
    ----------
    arrays : mapping of str to array
        Those of the neurons of a rank, or of all.
    size : int
        Number of all neurons.
    alpha : float

    Raises
    ------
    KeyError, ValueError, NeuronsError
        The checkpoint is of no such run, or damaged.
    """
    for kind in ("", "begin_", "end_"):
        if f"{kind}variables" in arrays:
            variables, _ = original_order(arrays, f"{kind}variables", f"{kind}cell")
            mass = mass_of(arrays)
            # until the checkpoint is restored, which brings its own weights, others look at these
            if mass is not None:
                variables /= scale_of(mass, size, arrays[f"{kind}variables"].dtype.name)
            a, b, c = variables
            neurons = Neurons(a, b, c, alpha=alpha)
            return neurons if mass is None else neurons.as_part(mass)
    raise KeyError("variables")
