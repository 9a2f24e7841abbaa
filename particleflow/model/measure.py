"""Weights of neurons: a network of weighted neurons is the measure sum w_i delta_i of their places.

``f(x) = sum w_i c_i [a_i x + b_i]_+``, with weights of sum 1; without weights all are 1/m. The
velocity of a neuron does not depend on its weight, and ``sqrt(m w_i) (a_i, b_i, c_i)`` are neurons
of equal weights with the same function and, in the network metric, with the same flow.
"""

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, vector
from particleflow.errors import NeuronsError

_TRACER = {"float64": 2.0**-200, "float32": 2.0**-60}
"""What stands for a weight of 0 in units of 1/m, by the precision of the state. A tracer moves as
it would with this weight, and adds so many times c |(a, b)| to sums."""
_LEAST = 2.0**-400
"""The least weight above 0 in units of 1/m: squares of neurons times less could become 0."""
LEAST_OF_SINGLE = _TRACER["float32"]
"""The least weight above 0, in units of 1/m, with which a state in single precision computes."""
_IS_ONE = 1e-14
"""How far from 1 the sum of weights may be that are taken as they are, so that weights which have
been divided by their sum once keep their bits."""


def checked_weights(weights: ArrayLike, m: int) -> Array:
    """The weights as a new array, (m,), of numbers from 0 on.

    Raises
    ------
    NeuronsError
        Their number is not m, or one is below 0 or not finite.
    """
    given = vector("weights", weights, NeuronsError)
    if given.size != m:
        raise NeuronsError(f"weights: expected {m:,}, one a neuron, found {given.size:,}")
    if (given < 0.0).any():
        i = int(np.flatnonzero(given < 0.0)[0])
        raise NeuronsError(f"weights[{i}] is {given[i]:g}: expected 0 or more")
    return given


def weights_of(weights: ArrayLike | None, m: int) -> Array | None:
    """Weights of sum 1, (m,), from positive multiples of them; None if all are equal.

    Weights below 2^-400 of 1/m become 0.

    Raises
    ------
    NeuronsError
        Their number is not m, one is below 0 or not finite, or all are 0.
    """
    if weights is None:
        return None
    given = checked_weights(weights, m)
    largest = given.max()
    if largest == 0.0:
        raise NeuronsError("weights: all are 0: expected one above 0")
    if given.min() == largest:
        return None
    if largest > 1.0 or abs(given.sum() - 1.0) > _IS_ONE:
        given /= largest  # so that the sum of the largest numbers is finite
        given /= given.sum()
    given[m * given < _LEAST] = 0.0
    return given


def is_whole(weights: Array | None) -> bool:
    """Whether weights are those of all neurons, not of some of them."""
    return weights is None or abs(float(weights.sum()) - 1.0) < 1e-9


def scale_of(weights: Array, m: int, dtype: str = "float64") -> Array:
    """The factors sqrt(m w_i) by which kernels see the variables of weighted neurons, (n,).

    Parameters
    ----------
    weights : (n,) float64
        Those of all m neurons, or of some.
    m : int
    dtype : {"float64", "float32"}
        Precision of the state, which says what stands for a weight of 0.
    """
    return np.sqrt(np.where(weights > 0.0, m * weights, _TRACER[dtype]))


def merged_weights(columns: list[Array], weights: Array | None) -> tuple[np.ndarray, Array | None]:
    """The first of all rows that are equal to the bit, in their order, and the sums of weights.

    Parameters
    ----------
    columns : list of (m,) arrays
    weights : (m,) float64 or None
        None if all are equal.

    Returns
    -------
    first : (n,) int64
        Indices of the rows that stay.
    weights : (n,) float64 or None
    """
    rows = np.stack(columns, axis=1)
    _, first, where = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    sums, keep = np.bincount(where.ravel(), weights), np.argsort(first)
    return first[keep], weights_of(sums[keep], first.size)


def effective_number(weights: Array) -> float:
    """The number 1 / sum w_i^2 of equal weights with the same sum of squares (Kish)."""
    return float(1.0 / np.dot(weights, weights))
