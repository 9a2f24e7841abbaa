"""The rows that samples are made of: rows of equal x are one sample of their total weight.

With weights w_r the loss of all rows is L = 1/2 sum w_r (f(x_r) - y_r)^2. Of the rows of one x, let
w be the sum of the weights and y the weighted mean; then

    sum w_r (f - y_r)^2 = w (f - y)^2 + sum w_r (y_r - y)^2,

and the last sum depends on nothing that is trained: the rows are one sample, up to a constant.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, vector
from particleflow.errors import SamplesError


class Rows(NamedTuple):
    """Rows of data, in the order in which they were given.

    Attributes
    ----------
    x, y, weights : (n,) float64
    """

    x: Array
    y: Array
    weights: Array


class Source(NamedTuple):
    """Where samples come from.

    Attributes
    ----------
    x_name, y_name : str
        What to write beside axes: the name of a column, or of dates their unit; empty if unknown.
    notes : tuple of str
        How a file was read: every decision that was taken.
    """

    x_name: str = ""
    y_name: str = ""
    notes: tuple[str, ...] = ()


NO_SOURCE = Source()


class Merged(NamedTuple):
    """Samples made of rows.

    Attributes
    ----------
    x : (s,) float64
        Strictly increasing.
    y : (s,) float64
        Weighted means.
    weights : (s,) float64
        Sums of weights.
    loss_within : float
        1/2 sum w_r (y_r - y)^2, which no network can lower.
    """

    x: Array
    y: Array
    weights: Array
    loss_within: float


def rows_of(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None, sigma: ArrayLike | None) -> Rows:
    """Checked copies of the columns of data.

    Raises
    ------
    SamplesError
        Lengths differ, a number is not finite, a weight or a sigma is not above 0, or both are
        given.
    """
    xs, ys = vector("x", x, SamplesError), vector("y", y, SamplesError)
    if xs.size != ys.size:
        raise SamplesError(f"x and y: expected equal lengths, found {xs.size} and {ys.size}")
    if weights is not None and sigma is not None:
        raise SamplesError("weights and sigma: expected one of them, found both")
    if sigma is not None:
        deviations = _above_0("sigma", sigma, xs.size)
        with np.errstate(over="ignore", divide="ignore"):
            given = 1.0 / deviations**2
        bad = np.flatnonzero(~(np.isfinite(given) & (given > 0.0)))
        if bad.size:
            raise SamplesError(
                f"sigma[{bad[0]}] is {deviations[bad[0]]:g}: the weight 1/sigma^2 is out of range"
            )
        return Rows(xs, ys, given)
    if weights is not None:
        return Rows(xs, ys, _above_0("weights", weights, xs.size))
    return Rows(xs, ys, np.ones(xs.size))


def _above_0(name: str, values: ArrayLike, size: int) -> Array:
    given = np.full(size, values) if np.ndim(values) == 0 else values  # one for all rows
    array = vector(name, given, SamplesError)
    if array.size != size:
        raise SamplesError(f"{name}: expected one for each of {size} rows, found {array.size}")
    bad = np.flatnonzero(array <= 0.0)
    if bad.size:
        raise SamplesError(f"{name}[{bad[0]}] is {array[bad[0]]:g}: expected a number above 0")
    return array


def merged(rows: Rows) -> Merged:
    """The samples of these rows, sorted by x."""
    order = np.argsort(rows.x, kind="stable")
    x, y, weights = (column[order] for column in rows)
    begins = np.flatnonzero(np.append(True, x[1:] != x[:-1])) if x.size else order
    if begins.size == x.size:
        return Merged(x, y, weights, 0.0)
    first = np.repeat(y[begins], np.diff(begins, append=x.size))
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(weights, begins)
        # the mean of the differences to the first: equal y have exactly that y as their mean
        mean = y[begins] + np.add.reduceat(weights * (y - first), begins) / total
        within = y - np.repeat(mean, np.diff(begins, append=x.size))
        loss = 0.5 * float(np.dot(weights * within, within))
    return Merged(x[begins], mean, total, loss)
