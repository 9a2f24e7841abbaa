"""Networks and continuous piecewise linear functions (Williams et al. 2019, Proposition 5).

F_m is the set of functions ``f(x) = (1/m) sum c_i [a_i x + b_i]_+`` of m neurons, and CPL_m that of
the continuous piecewise linear functions on the real line with at most m knots. F_m is a strict
subset of CPL_m, since it has 2 m degrees of freedom and not 2 m + 2, and it contains CPL_{m-2}.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, finite, increasing, vector
from particleflow.backend import predict_at
from particleflow.errors import ConfigError, NeuronsError, SamplesError

from ._network import hat_parameters
from .curvature import curvature

_ROUNDING = 64.0 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A continuous piecewise linear function on the real line.

    Parameters
    ----------
    knots : (n,) array_like
        Strictly increasing, at least one; the slope need not change at a knot.
    values : (n,) array_like
        Values of the function at the knots.
    left, right : float
        Slopes before the first knot and after the last.

    Raises
    ------
    SamplesError
        Shapes differ, a number is not finite, there is no knot, or knots are unsorted or repeated.
    """

    knots: Array
    values: Array
    left: float
    right: float

    def __post_init__(self) -> None:
        knots = vector("knots", self.knots, SamplesError)
        values = vector("values", self.values, SamplesError)
        if knots.size == 0 or values.size != knots.size:
            raise SamplesError(
                f"knots, values: expected equal lengths of at least 1, found {knots.size} "
                f"and {values.size}"
            )
        object.__setattr__(self, "knots", increasing("knots", knots, SamplesError))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "left", finite("left", self.left, SamplesError))
        object.__setattr__(self, "right", finite("right", self.right, SamplesError))

    @classmethod
    def interpolating(cls, x: ArrayLike, y: ArrayLike) -> "PiecewiseLinear":
        """The linear interpolant of points with increasing x, its outermost pieces prolonged.

        The function of a single point is constant.
        """
        points, values = vector("x", x, SamplesError), vector("y", y, SamplesError)
        slopes = [0.0]
        if points.size == values.size > 1:
            # if x repeats, this divides by 0: the constructor refuses such knots below
            with np.errstate(divide="ignore", invalid="ignore"):
                slopes = np.nan_to_num(np.diff(values) / np.diff(points)).tolist()
        return cls(points, values, slopes[0], slopes[-1])

    @classmethod
    def from_neurons(cls, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> "PiecewiseLinear":
        """The function of a network with these hat parameters, (m,) each, in O(m log m).

        Its knots are those at which the slope changes; if there are none, 0 is its only knot.
        """
        slopes, offsets, weights = hat_parameters(a, b, c)
        measure = curvature(slopes, offsets, weights)
        kinks = measure.masses != 0.0
        knots, masses = measure.knots[kinks], measure.masses[kinks]
        leftwards = slopes < 0.0
        left = float(np.sum(weights[leftwards] * slopes[leftwards])) / slopes.size
        places = knots if knots.size else np.zeros(1)
        right = left + float(masses.sum())
        return cls(places, predict_at(slopes, offsets, weights, places), left, right)

    def __call__(self, x: ArrayLike) -> Array:
        """The values of the function at any points, in the shape of ``x``."""
        points = np.asarray(x, np.float64)
        inner = np.interp(points, self.knots, self.values)
        before = np.minimum(points - self.knots[0], 0.0)
        after = np.maximum(points - self.knots[-1], 0.0)
        return inner + self.left * before + self.right * after

    @property
    def slopes(self) -> Array:
        """The slopes of the pieces from left to right, (n + 1,)."""
        inner = np.diff(self.values) / np.diff(self.knots)
        return np.concatenate([[self.left], inner, [self.right]])

    @property
    def jumps(self) -> Array:
        """The changes of slope at the knots, (n,)."""
        return np.diff(self.slopes)

    @property
    def degrees_of_freedom(self) -> int:
        """The number 2 n + 2 for n knots: n places, n values, and the two outermost slopes."""
        return 2 * self.knots.size + 2

    def neurons(self, m: int | None = None) -> tuple[Array, Array, Array]:
        """Hat parameters of a network that is this function, as Proposition 5 constructs it.

        Each knot e at which the slope changes takes one neuron ``(1, -e, m jump)``. The leftmost
        piece p x + q remains, and ``p x + q = [p x + q]_+ - [-(p x + q)]_+`` takes two neurons, or
        one if it is constant, or none if it is 0.

        Parameters
        ----------
        m : int, optional
            The number of neurons; those that are not needed are 0. The number of kinks + 2 always
            suffices. By default as few as this construction needs.

        Returns
        -------
        a, b, c : (m,) float64

        Raises
        ------
        NeuronsError
            The construction needs more than m neurons.
        """
        jumps = self.jumps
        kinks = jumps != 0.0
        a, b, c = [np.ones(kinks.sum())], [-self.knots[kinks]], [jumps[kinks]]
        p, q = self.left, self._intercept()
        if p != 0.0:
            a.append(np.array([p, -p]))
            b.append(np.array([q, -q]))
            c.append(np.array([1.0, -1.0]))
        elif q != 0.0:
            a.append(np.zeros(1))
            b.append(np.ones(1))
            c.append(np.array([q]))
        needed = max(1, sum(map(len, a)))
        m = needed if m is None else count("m", m, NeuronsError)
        if m < needed:
            raise NeuronsError(f"m: expected at least {needed} for this function, found {m}")
        out = np.zeros((3, m))
        for row, parts in zip(out, (a, b, c), strict=True):
            joined = np.concatenate(parts)
            row[: joined.size] = joined
        return out[0], out[1], m * out[2]

    def _intercept(self) -> float:
        """The value q at 0 of the leftmost piece p x + q, prolonged."""
        return float(self.values[0] - self.left * self.knots[0])

    def with_signs(
        self, knots: ArrayLike, signs: ArrayLike
    ) -> tuple[tuple[Array, Array, Array], float]:
        """The network with these knots and signs of a that is nearest to this function.

        The network is ``f(x) = sum u_i [sg_i (x - e_i)]_+`` (Williams et al., eq. 24). Its changes
        of slope, its slope on the left and its value at the knot in the middle are to be those of
        this function, which are linear conditions on u. There are two more of them than neurons if
        each kink has one neuron, so that F_m has 2 m degrees of freedom. This function is in F_m
        with these knots and signs if and only if the defect vanishes. "Nearest" means least squares
        of the conditions, with slopes times the range of the knots: O(m^3).

        Parameters
        ----------
        knots : (m,) array_like
            The knots e_i, which may coincide.
        signs : (m,) array_like of {-1, 0, 1}
            The signs sg_i of a. 0 stands for a neuron with a = 0, which is a constant: its knot has
            no effect.

        Returns
        -------
        neurons : tuple of three (m,) arrays
            Hat parameters, with |a| = 1 or (a, b) = (0, 1).
        defect : float
            The root of the sum of the squares by which the conditions are missed, in units of the
            largest of their right-hand sides.

        Raises
        ------
        NeuronsError
            Shapes differ, a knot is not finite, or a sign is not -1, 0 or 1.
        """
        e, sg = vector("knots", knots, NeuronsError), vector("signs", signs, NeuronsError)
        if e.size != sg.size or e.size == 0:
            raise NeuronsError(
                f"knots, signs: expected equal lengths of at least 1, found {e.size} and {sg.size}"
            )
        strange = ~np.isin(sg, (-1.0, 0.0, 1.0))
        if strange.any():
            raise NeuronsError(f"signs: expected -1, 0 or 1, found {sg[strange][0]:g}")
        e = self._snapped(e)
        places = np.union1d(self.knots, e[sg != 0.0])
        middle = places[places.size // 2]
        width = float(np.ptp(places)) or 1.0
        matrix = np.zeros((places.size + 2, e.size))
        target = np.zeros(places.size + 2)
        target[np.searchsorted(places, self.knots)] = width * self.jumps
        target[-2:] = width * self.left, float(self(middle))
        turning = np.flatnonzero(sg)
        matrix[np.searchsorted(places, e[turning]), turning] = width
        # far to the left only neurons with a < 0 are active
        matrix[-2, sg < 0.0] = -width
        matrix[-1] = np.where(sg == 0.0, 1.0, np.maximum(sg * (middle - e), 0.0))
        u = np.linalg.lstsq(matrix, target, rcond=_ROUNDING)[0]
        size = float(np.abs(target).max())
        defect = float(np.linalg.norm(matrix @ u - target)) / (size if size > 0.0 else 1.0)
        offsets: Array = np.where(sg == 0.0, 1.0, -sg * e)
        return (sg, offsets, e.size * np.asarray(u, np.float64)), defect

    def _snapped(self, e: Array) -> Array:
        """The knots e, each set to a knot of this function if only rounding separates the two."""
        nearest = self.knots[np.abs(np.subtract.outer(e, self.knots)).argmin(axis=1)]
        return np.where(np.abs(e - nearest) <= _ROUNDING * (1.0 + np.abs(e)), nearest, e)


def degrees_of_freedom(m: int) -> int:
    """The degrees of freedom of F_m, 2 m: a knot and a weight u = |a| c a neuron (eq. 24)."""
    return 2 * count("m", m, ConfigError)
