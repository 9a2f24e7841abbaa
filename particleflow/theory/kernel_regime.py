"""The kernel regime, the limit of delta to -infinity, in closed form (appendix F).

The source is Williams et al. (2019).

Only the output weights c move in this limit. The first layer (a, b) stands still, and so does the
tangent kernel K, which depends on it alone:

    f(tau) - y = exp(-K tau) (f(0) - y) = sum_i exp(-lambda_i tau) <e_i, f(0) - y> e_i

with the eigenvalues lambda_i and eigenvectors e_i of K (eqs. 37 to 47, with the initial value that
(45) to (47) lack). The component of f(0) - y in the null space of K never decays; K has rank
min(s, m) at most.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, finite
from particleflow.backend import predict_at
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.rows import rows_of

from ._network import hat_parameters
from .splines import network_kernel


class KernelRegime:
    """The training of a network of which only the output weights move.

    Parameters
    ----------
    x, y : (s,) array_like
        Samples.
    a, b, c : (m,) array_like
        Hat parameters at tau = 0.
    weights : (s,) array_like, optional
        Weights w of the samples in the loss, above 0; 1 by default.

    Attributes
    ----------
    kernel : (s, s) float64
        ``K_ij = (1/m) sum [a x_i + b]_+ [a x_j + b]_+``; its eigenvalues take O(s^3). With weights
        it is W^1/2 K W^1/2, whose eigenvalues are the rates.
    rates : (s,) float64
        The eigenvalues lambda_i, descending; those that are zero to rounding are 0.
    modes : (s, s) float64
        The eigenvectors e_i in columns, in the order of the rates.
    components : (s,) float64
        The components ``<e_i, W^1/2 (f(0) - y)>`` of the residuals at the start.

    Raises
    ------
    SamplesError, NeuronsError
        Shapes differ, a number is not finite, or a weight is not above 0.
    """

    def __init__(
        self, x: ArrayLike, y: ArrayLike, a: ArrayLike, b: ArrayLike, c: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> None:  # fmt: skip
        points, self.y, given = rows_of(x, y, weights, None)
        if points.size == 0:
            raise SamplesError("x, y: expected at least 1 sample, found none")
        self._root = np.sqrt(given)
        neurons = hat_parameters(a, b, c)
        kernel = network_kernel(*neurons[:2], points, points)
        self.kernel = self._root[:, None] * kernel * self._root
        values, vectors = np.linalg.eigh(self.kernel)
        values, self.modes = values[::-1], vectors[:, ::-1]
        self.rates = np.where(values > values.size * np.finfo(float).eps * values[0], values, 0.0)
        error = predict_at(*neurons, points) - self.y
        self.components = self.modes.T @ (self._root * error)

    def residual(self, tau: ArrayLike) -> Array:
        """The residuals f(tau) - y at times from 0 to infinity, (..., s).

        Raises
        ------
        ConfigError
            A time is below 0, or NaN.
        """
        return ((self._decay(tau) * self.components) @ self.modes.T) / self._root

    def _decay(self, tau: ArrayLike) -> Array:
        """The factors exp(-lambda_i tau) of the modes, (..., s)."""
        times = np.asarray(tau, np.float64)[..., None]
        if not (times >= 0.0).all():
            raise ConfigError("tau: expected times of at least 0")
        moving = self.rates > 0.0
        # 0 times infinity is NaN: modes that stand still get their factor 1 apart
        with np.errstate(invalid="ignore"):
            return np.where(moving, np.exp(-np.where(moving, self.rates, 0.0) * times), 1.0)

    def prediction(self, tau: ArrayLike) -> Array:
        """The function f(tau) at the samples, (..., s)."""
        return self.y + self.residual(tau)

    def loss(self, tau: ArrayLike) -> Array:
        """The loss 1/2 sum w_j (f(tau) - y)_j^2, (...)."""
        return 0.5 * np.sum((self._decay(tau) * self.components) ** 2, axis=-1)

    @property
    def unreachable(self) -> Array:
        """The residuals that never decay, (s,): the part of f(0) - y in the null space of K."""
        still = self.rates == 0.0
        return (self.modes[:, still] @ self.components[still]) / self._root

    def early_stopping(self, mode: int, fraction: float = math.exp(-1.0)) -> float:
        """The time at which a mode has decayed to a fraction of its start: -ln(fraction) / lambda.

        At that time faster modes, which come before this mode, have decayed further, and slower
        ones less.

        Parameters
        ----------
        mode : int
            Index of the mode; 0 is the fastest.
        fraction : float
            Above 0, at most 1.

        Returns
        -------
        float
            The time; infinite for a mode in the null space of K.

        Raises
        ------
        ConfigError
            There is no such mode, or the fraction is out of range.
        """
        i = count("mode", mode, ConfigError, least=0, most=self.rates.size - 1)
        share = finite("fraction", fraction, ConfigError)
        if not 0.0 < share <= 1.0:
            raise ConfigError(f"fraction: expected a number above 0 and at most 1, found {share:g}")
        rate = float(self.rates[i])
        return -math.log(share) / rate if rate > 0.0 else math.inf
