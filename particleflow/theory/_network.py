"""The check of the networks that users hand to the functions of this package."""

from numpy.typing import ArrayLike

from particleflow.arguments import Array, vector
from particleflow.errors import NeuronsError


def hat_parameters(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> tuple[Array, Array, Array]:
    """The hat parameters of a network as three float64 arrays (m,), checked.

    Raises
    ------
    NeuronsError
        Lengths differ, there is no neuron, or a number is not finite.
    """
    slopes, offsets = vector("a", a, NeuronsError), vector("b", b, NeuronsError)
    weights = vector("c", c, NeuronsError)
    if not slopes.size == offsets.size == weights.size > 0:
        raise NeuronsError(
            f"a, b, c: expected equal lengths of at least 1, found {slopes.size}, {offsets.size} "
            f"and {weights.size}"
        )
    return slopes, offsets, weights
