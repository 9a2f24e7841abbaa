"""Appendix F: the kernel regime, delta to -infinity, in closed form.

Only the output weights move. With the tangent kernel K of the first layer, which stands still,

    f(tau) - y = exp(-K tau) (f(0) - y) = sum_i exp(-lambda_i tau) <e_i, f(0) - y> e_i

(eqs. 37 to 47, with the initial value that (45) to (47) lack). The component of f(0) - y in the
kernel of K never decays; K has rank min(s, m) at most.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, finite, vector
from particleflow.backend import predict_at
from particleflow.errors import ConfigError, SamplesError

from ._network import hat_parameters
from .splines import network_kernel


class KernelRegime:
    """Training of the output weights alone.

    Parameters
    ----------
    x, y : (s,) array_like
        Samples.
    a, b, c : (m,) array_like
        Hat parameters at tau = 0.

    Attributes
    ----------
    kernel : (s, s) float64
        ``K_ij = (1/m) sum [a x_i + b]_+ [a x_j + b]_+``; its eigenvalues take O(s^3).
    rates : (s,) float64
        lambda_i, descending; what is zero to rounding is 0.
    modes : (s, s) float64
        Their eigenvectors e_i in columns.
    components : (s,) float64
        ``<e_i, f(0) - y>``.

    Raises
    ------
    SamplesError, NeuronsError
        Shapes differ, or a number is not finite.
    """

    def __init__(
        self, x: ArrayLike, y: ArrayLike, a: ArrayLike, b: ArrayLike, c: ArrayLike
    ) -> None:
        points, self.y = vector("x", x, SamplesError), vector("y", y, SamplesError)
        if points.size != self.y.size or points.size == 0:
            raise SamplesError(
                f"x, y: expected equal lengths of at least 1, found {points.size} and {self.y.size}"
            )
        neurons = hat_parameters(a, b, c)
        self.kernel = network_kernel(*neurons[:2], points, points)
        values, vectors = np.linalg.eigh(self.kernel)
        values, self.modes = values[::-1], vectors[:, ::-1]
        self.rates = np.where(values > values.size * np.finfo(float).eps * values[0], values, 0.0)
        self.components = self.modes.T @ (predict_at(*neurons, points) - self.y)

    def residual(self, tau: ArrayLike) -> Array:
        """f(tau) - y at times from 0 to infinity, (..., s).

        Raises
        ------
        ConfigError
            A time is below 0, or NaN.
        """
        return (self._decay(tau) * self.components) @ self.modes.T

    def _decay(self, tau: ArrayLike) -> Array:
        """exp(-lambda_i tau), (..., s)."""
        times = np.asarray(tau, np.float64)[..., None]
        if not (times >= 0.0).all():
            raise ConfigError("tau: expected times of at least 0")
        moving = self.rates > 0.0
        with np.errstate(invalid="ignore"):
            return np.where(moving, np.exp(-np.where(moving, self.rates, 0.0) * times), 1.0)

    def prediction(self, tau: ArrayLike) -> Array:
        """f(tau) at the samples, (..., s)."""
        return self.y + self.residual(tau)

    def loss(self, tau: ArrayLike) -> Array:
        """1/2 |f(tau) - y|^2, (...)."""
        return 0.5 * np.sum((self._decay(tau) * self.components) ** 2, axis=-1)

    @property
    def unreachable(self) -> Array:
        """The component of f(0) - y in ker K, (s,): the residuals as tau goes to infinity."""
        still = self.rates == 0.0
        return self.modes[:, still] @ self.components[still]

    def early_stopping(self, mode: int, fraction: float = math.exp(-1.0)) -> float:
        """Time at which a mode has decayed to this fraction of its start, -ln(fraction) / lambda.

        The modes before it, which are faster, have decayed further then, and those after it less.

        Parameters
        ----------
        mode : int
            0 is the fastest.
        fraction : float
            Above 0, at most 1.

        Returns
        -------
        float
            Infinite for a mode in ker K.

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
