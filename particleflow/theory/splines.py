"""The kernels of wide networks whose interpolants are cubic splines.

The statement is Proposition 6 of Williams et al. (2019).

With knots dense on [k0, k1] and x <= x',

    K1(x, x') = -(1/6) (2 k0 + x - 3 x') (k0 - x)^2                                       (25)
    K2(x, x') = -(1/12) (2 k0 + x - 3 x') (k0 - x)^2 + (1/12) (2 k1 - 3 x + x') (k1 - x')^2   (26)

K1 is the kernel of neurons that are all active to the right of their knots. For K2 one half of the
neurons is active to the right and the other half to the left. The kernel of a network with |a| = 1
and knots uniform on [k0, k1], and for K2 either kind of neurons equally likely, tends to
K / (k1 - k0) as m grows.

Interpolants ``sum_i alpha_i K(x, x_i)`` are C^2 and piecewise cubic with knots at the samples. At
finite k0 and k1 they are not the natural cubic spline. Both interpolants tend to it like 1/k, while
the matrix K(x_i, x_j) grows singular.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, finite, increasing, vector
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.coordinates import knots as knots_of

from ._network import hat_parameters

if TYPE_CHECKING:
    from scipy.interpolate import PPoly  # takes long to import, and runs import this module

Kind = Literal["K1", "K2"]
_KINDS = get_args(Kind)


def spline_kernel(kind: Kind, x: ArrayLike, other: ArrayLike, k0: float, k1: float) -> Array:
    """The kernel K1 or K2 of eqs. (25) and (26), symmetric in its two points.

    Parameters
    ----------
    kind : {"K1", "K2"}
    x, other : array_like
        Points in [k0, k1], broadcast against each other.
    k0, k1 : float
        The ends of the interval of the knots. Values of K1 do not depend on k1.

    Raises
    ------
    ConfigError
        The kind is unknown, k0 is not below k1, or points lie elsewhere.
    """
    k0, k1 = _interval(kind, k0, k1)
    one, two = np.asarray(x, np.float64), np.asarray(other, np.float64)
    lower, upper = np.minimum(one, two), np.maximum(one, two)
    if lower.size and not (lower.min() >= k0 and upper.max() <= k1):
        raise ConfigError(
            f"points: expected all in [{k0:g}, {k1:g}], found {lower.min():g} to {upper.max():g}"
        )
    rightwards = _cubic(lower - k0, upper - k0)
    if kind == "K1":
        return rightwards
    return 0.5 * (rightwards + _cubic(k1 - upper, k1 - lower))


def _cubic(near: Array, far: Array) -> Array:
    """The integral of (near - t) (far - t) over t from 0 to near <= far."""
    return near * near * (3.0 * far - near) / 6.0


def _interval(kind: str, k0: float, k1: float) -> tuple[float, float]:
    """The ends k0 < k1 as floats; these and the kind of the kernel are checked."""
    if kind not in _KINDS:
        raise ConfigError(f"kernel: expected one of {', '.join(_KINDS)}, found {kind!r}")
    lo, hi = finite("k0", k0, ConfigError), finite("k1", k1, ConfigError)
    if not lo < hi:
        raise ConfigError(f"k0, k1: expected k0 below k1, found {lo:g} and {hi:g}")
    return lo, hi


def network_kernel(a: ArrayLike, b: ArrayLike, x: ArrayLike, other: ArrayLike) -> Array:
    """The kernel of given neurons, ``K_m(x, x') = (1/m) sum [a x + b]_+ [a x' + b]_+``.

    With N = n + n' points it takes O((m + N) log N + n n').

    Parameters
    ----------
    a, b : (m,) array_like
        Hat parameters.
    x, other : (n,), (n',) array_like
        Points x and x'.

    Returns
    -------
    (n, n') float64

    Raises
    ------
    NeuronsError, SamplesError
        Lengths differ, there is no neuron, or a number is not finite.
    """
    slopes, offsets, _ = hat_parameters(a, b, a)
    one, two = vector("x", x, SamplesError), vector("x'", other, SamplesError)
    # far from x = 0 the sums below would cancel
    middle = float(np.mean(np.concatenate([one, two]))) if one.size + two.size else 0.0
    one, two, offsets = one - middle, two - middle, offsets + slopes * middle
    points = np.union1d(one, two)
    places = [np.searchsorted(points, p) for p in (one, two)]
    lower, upper = np.minimum.outer(*places), np.maximum.outer(*places)
    # both points are active if the lower one is and a >= 0, or the upper one is and a < 0
    left = slopes < 0.0
    first = _first_active(slopes[~left], offsets[~left], points)
    count = np.searchsorted(points, knots_of(slopes[left], offsets[left]))
    xx, x1, oo = (
        _sums_up_to(first, values[~left], points.size)[lower]
        + _sums_above(count, values[left], points.size)[upper]
        for values in (slopes * slopes, slopes * offsets, offsets * offsets)
    )
    return (xx * np.multiply.outer(one, two) + x1 * np.add.outer(one, two) + oo) / slopes.size


def _first_active(a: Array, b: Array, points: Array) -> np.ndarray:
    """For neurons with a >= 0 the index of the first point at which each is active.

    The index is the number of points for a neuron that is active at none of them.
    """
    first = np.searchsorted(points, knots_of(a, b), side="right")
    return np.where(a > 0.0, first, np.where(b > 0.0, 0, points.size))


def _sums_up_to(index: np.ndarray, values: Array, n: int) -> Array:
    """Sums of the values whose index is at most k, for k = 0, 1, .. n - 1."""
    sums: Array = np.bincount(index, weights=values, minlength=n + 1).astype(np.float64)
    return np.cumsum(sums[:n])


def _sums_above(index: np.ndarray, values: Array, n: int) -> Array:
    """Sums of the values whose index is above k, for k = 0, 1, .. n - 1."""
    sums: Array = np.bincount(index, weights=values, minlength=n + 1).astype(np.float64)
    return np.cumsum(sums[:0:-1])[::-1]


class SplineInterpolant:
    """The function ``f(x) = sum_i alpha_i K(x, x_i)`` through samples: O(s^3), dense.

    Parameters
    ----------
    kind : {"K1", "K2"}
    x, y : (s,) array_like
        Samples, with x strictly increasing in [k0, k1]. If a network's function at tau = 0 is not
        0, hand in y minus that function: the interpolant is what training adds to it.
    k0, k1 : float
        The ends of the interval of the knots.

    Attributes
    ----------
    alpha : (s,) float64
        The coefficients alpha_i.

    Raises
    ------
    ConfigError, SamplesError
        Shapes differ, points lie outside, or the matrix is singular: with a sample at k0 for K1,
        where all neurons are inactive, or to rounding where k0 and k1 are far away.
    """

    def __init__(self, kind: Kind, x: ArrayLike, y: ArrayLike, k0: float, k1: float) -> None:
        self.x, values = check_points(x, y)
        self.kind: Kind = kind
        matrix = spline_kernel(kind, self.x[:, None], self.x, k0, k1)
        self.k0, self.k1 = float(k0), float(k1)
        if kind == "K1" and self.x[0] == self.k0:
            raise SamplesError(
                f"x[0] = {self.k0:g} is k0, where every neuron of K1 is inactive: the matrix is "
                "singular; move k0 to the left"
            )
        self.alpha = _solve(
            kind, matrix, values,
            f"bring k0 = {self.k0:g} and k1 = {self.k1:g} closer to the samples, or take fewer",
        )  # fmt: skip

    def __call__(self, x: ArrayLike) -> Array:
        """The values of the interpolant at points of [k0, k1], in the shape of ``x``."""
        points = np.asarray(x, np.float64)
        return spline_kernel(self.kind, points[..., None], self.x, self.k0, self.k1) @ self.alpha

    def pieces(self) -> "PPoly":
        """The exact cubic polynomials of the interpolant between k0, the samples and k1."""
        from scipy.interpolate import PPoly

        edges = np.unique(np.concatenate([[self.k0], self.x, [self.k1]]))
        h = np.diff(edges)
        # f'' is linear between the samples, and f is known at the edges: both make the coefficients
        second = np.zeros(edges.size)
        share = 1.0 if self.kind == "K1" else 0.5
        second += share * (np.maximum(self.x - edges[:, None], 0.0) @ self.alpha)
        if self.kind == "K2":
            second += 0.5 * (np.maximum(edges[:, None] - self.x, 0.0) @ self.alpha)
        value = self(edges)
        third = np.diff(second) / h
        slope = np.diff(value) / h - h * (2.0 * second[:-1] + second[1:]) / 6.0
        return PPoly(np.stack([third / 6.0, 0.5 * second[:-1], slope, value[:-1]]), edges)


class NetworkInterpolant:
    """The function ``f(x) = sum_i alpha_i K_m(x, x_i)`` through samples: O(s^3), dense.

    K_m is the `network_kernel` of given neurons. If y is handed in minus a network's function at
    tau = 0, the interpolant is what training the output weights alone adds to it (appendix F).

    Parameters
    ----------
    a, b : (m,) array_like
        Hat parameters.
    x, y : (s,) array_like
        Samples, with x strictly increasing.

    Attributes
    ----------
    alpha : (s,) float64
        The coefficients alpha_i.

    Raises
    ------
    SamplesError, NeuronsError
        Shapes differ, or the matrix is singular: fewer than s neurons, or too few between samples.
    """

    def __init__(self, a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> None:
        self.a, self.b, _ = hat_parameters(a, b, a)
        self.x, values = check_points(x, y)
        matrix = network_kernel(self.a, self.b, self.x, self.x)
        self.alpha = _solve("the network", matrix, values, "take more neurons, or fewer samples")

    def __call__(self, x: ArrayLike) -> Array:
        """The values of the interpolant at points, (n,)."""
        return network_kernel(self.a, self.b, x, self.x) @ self.alpha


def _solve(name: str, matrix: Array, values: Array, advice: str) -> Array:
    """The coefficients of an interpolant; a matrix that is singular to rounding is refused."""
    condition = np.linalg.cond(matrix)
    if not condition < 1.0 / np.finfo(float).eps:
        raise SamplesError(
            f"the matrix of {name} is singular to rounding (condition {condition:.1e}): {advice}"
        )
    return np.asarray(np.linalg.solve(matrix, values), np.float64)


def natural_spline(x: ArrayLike, y: ArrayLike) -> "PPoly":
    """The natural cubic spline through samples: f'' = 0 at both ends, and straight beyond them.

    Parameters
    ----------
    x, y : (s,) array_like
        Samples, with x strictly increasing.
    """
    from scipy.interpolate import CubicSpline, PPoly

    points, values = check_points(x, y)
    if points.size == 1:  # a constant; the interval has no meaning, since PPoly extrapolates
        return PPoly(np.array([[values[0]]]), np.array([points[0], points[0] + 1.0]))
    inner = CubicSpline(points, values, bc_type="natural")
    width = points[-1] - points[0]
    slopes = inner(points[[0, -1]], 1)
    # a straight piece is added at either end, which PPoly prolongs
    ends = np.array([[0.0, 0.0], [0.0, 0.0], slopes, [values[0] - slopes[0] * width, values[-1]]])
    return PPoly(
        np.concatenate([ends[:, :1], inner.c, ends[:, 1:]], axis=1),
        np.concatenate([[points[0] - width], points, [points[-1] + width]]),
    )


def distance(one: Callable[[Array], Array], two: Callable[[Array], Array], x: ArrayLike) -> float:
    """The distance of two functions: the root mean square of their difference over points."""
    points = vector("x", x, SamplesError)
    if points.size == 0:
        raise SamplesError("x: expected at least 1 point, found 0")
    difference = np.asarray(one(points)) - np.asarray(two(points))
    return float(np.sqrt(np.mean(difference**2)))


def check_points(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """The points (x, y) as two float64 arrays (s,), checked: x is to increase strictly.

    Raises
    ------
    SamplesError
        Shapes differ, there is no point, a number is not finite, or x does not increase.
    """
    points, values = vector("x", x, SamplesError), vector("y", y, SamplesError)
    if points.size != values.size or points.size == 0:
        raise SamplesError(
            f"x, y: expected equal lengths of at least 1, found {points.size} and {values.size}"
        )
    return increasing("x", points, SamplesError), values
