"""Proposition 5: networks and continuous piecewise linear functions.

F_m are the functions ``f(x) = (1/m) sum c_i [a_i x + b_i]_+`` of m neurons, CPL_m the continuous
piecewise linear functions on the real line with at most m knots. F_m is a strict subset of CPL_m,
since it has 2 m degrees of freedom and not 2 m + 2, and contains CPL_{m-2}.
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
        Strictly increasing, at least one; the slope need not change there.
    values : (n,) array_like
        At the knots.
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
        """The linear interpolant of points with increasing x, its end pieces prolonged."""
        points, values = vector("x", x, SamplesError), vector("y", y, SamplesError)
        slopes = [0.0]
        if points.size == values.size > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                slopes = np.nan_to_num(np.diff(values) / np.diff(points)).tolist()
        return cls(points, values, slopes[0], slopes[-1])

    @classmethod
    def from_neurons(cls, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> "PiecewiseLinear":
        """The function of a network with these hat parameters, (m,) each, in O(m log m).

        Its knots are those where the slope changes; without any, the one knot is 0.
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
        """Values at any points, in the shape of ``x``."""
        points = np.asarray(x, np.float64)
        inner = np.interp(points, self.knots, self.values)
        before = np.minimum(points - self.knots[0], 0.0)
        after = np.maximum(points - self.knots[-1], 0.0)
        return inner + self.left * before + self.right * after

    @property
    def slopes(self) -> Array:
        """Slopes of the pieces from left to right, (n + 1,)."""
        inner = np.diff(self.values) / np.diff(self.knots)
        return np.concatenate([[self.left], inner, [self.right]])

    @property
    def jumps(self) -> Array:
        """Changes of slope at the knots, (n,)."""
        return np.diff(self.slopes)

    @property
    def degrees_of_freedom(self) -> int:
        """2 n + 2 with n knots: their places, the values there, and two slopes."""
        return 2 * self.knots.size + 2

    def neurons(self, m: int | None = None) -> tuple[Array, Array, Array]:
        """Hat parameters of a network that is this function: Proposition 5, constructively.

        One neuron ``(1, -e, m jump)`` a knot at which the slope changes, and for the affine rest
        ``p x + q = [p x + q]_+ - [-(p x + q)]_+`` two, or one for a constant, or none for 0.

        Parameters
        ----------
        m : int, optional
            Number of neurons, at least as many as are needed (the number of kinks + 2 always
            suffices); the others are 0. As few as this construction needs by default.

        Returns
        -------
        a, b, c : (m,) float64

        Raises
        ------
        NeuronsError
            m is too small.
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
        """q of the left piece p x + q."""
        return float(self.values[0] - self.left * self.knots[0])

    def with_signs(
        self, knots: ArrayLike, signs: ArrayLike
    ) -> tuple[tuple[Array, Array, Array], float]:
        """The network with these knots and signs of a that is nearest to this function.

        With ``f(x) = sum u_i [sg_i (x - e_i)]_+`` (eq. 24) the changes of slope, the slope on the
        left and the value at the knot in the middle are linear conditions on u; there are two more
        of them than neurons if each kink has one, so that F_m has 2 m degrees of freedom. This
        function is in F_m with this pattern if and only if the defect vanishes. Nearest means least
        squares of these conditions, slopes times the range of the knots: O(m^3).

        Parameters
        ----------
        knots : (m,) array_like
            e_i, which may coincide.
        signs : (m,) array_like of {-1, 0, 1}
            sg_i; 0 is a neuron with a = 0, a constant, whose knot counts nothing.

        Returns
        -------
        neurons : tuple of three (m,) arrays
            Hat parameters, |a| = 1 or (a, b) = (0, 1).
        defect : float
            Root of the sum of squares by which the conditions are missed, in units of the largest
            of their right-hand sides.

        Raises
        ------
        NeuronsError
            Shapes differ, or a sign is none.
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
        matrix[-2, sg < 0.0] = -width
        matrix[-1] = np.where(sg == 0.0, 1.0, np.maximum(sg * (middle - e), 0.0))
        u = np.linalg.lstsq(matrix, target, rcond=_ROUNDING)[0]
        size = float(np.abs(target).max())
        defect = float(np.linalg.norm(matrix @ u - target)) / (size if size > 0.0 else 1.0)
        offsets: Array = np.where(sg == 0.0, 1.0, -sg * e)
        return (sg, offsets, e.size * np.asarray(u, np.float64)), defect

    def _snapped(self, e: Array) -> Array:
        """Knots that are those of this function but for rounding."""
        nearest = self.knots[np.abs(np.subtract.outer(e, self.knots)).argmin(axis=1)]
        return np.where(np.abs(e - nearest) <= _ROUNDING * (1.0 + np.abs(e)), nearest, e)


def degrees_of_freedom(m: int) -> int:
    """2 m, those of F_m (eq. 24): a knot and a weight u = |a| c a neuron."""
    return 2 * count("m", m, ConfigError)
