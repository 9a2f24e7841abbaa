"""The Hessian of the loss in units of tau: its largest eigenvalues, and its products.

K = m d^2 L / dz^2 is minus the derivative of the flow z' = A(G) z. With U the gradients of the
residuals, K = D + U U^T, where D = -A(G_k) is one 3 x 3 matrix for all neurons of a sector. For mu
that is no eigenvalue of D

    number of eigenvalues of K above mu = that of D + number of eigenvalues of T(mu) above 1,
    T(mu) = U^T (mu - D)^-1 U

(both sides are what the two Schur complements of [[D - mu, U], [U^T, -1]] say of its inertia), and
T(mu) is a tangent kernel, with 2 x 2 matrices in place of Sigma_k that follow from the sums of
z z^T over each sector. So eigenvalues need one loop over the neurons, and then O(s) for a product
with T, whatever the number of neurons.

A neuron that slides moves along its ray u: in its two coordinates the field is <G, u>, and
gradients of residuals are <xt_j, u> times those of one dimension. Where a living neuron lies on a
ray and does not slide, the loss has no second derivative. Weight decay adds lambda to all
eigenvalues.
"""

import math

import numpy as np

from particleflow.arguments import Array, count, numbers
from particleflow.errors import ConfigError, DeviceError
from particleflow.kernels import cpu

from .state import State
from .tangent import kernel_matrix, largest_rate

_E = np.zeros((2, 3, 3))
_E[0, 0, 2] = _E[0, 2, 0] = _E[1, 1, 2] = _E[1, 2, 1] = 1.0
"""The derivatives of A(G) by G_x and by G_1."""
_PRECISION = 1e-13
"""Of an eigenvalue, as a share of the bound of all."""
_MOST_SECANTS = 100


class Hessian:
    """The Hessian of the loss and the penalty of weight decay, always of the present state.

    Its methods are collective.

    Parameters
    ----------
    state : State
        In the network metric, in float64 or float32.

    Raises
    ------
    ConfigError
        The metric is another.
    """

    def __init__(self, state: State) -> None:
        if state.metric != "network":
            raise ConfigError(
                f"Hessian: needs metric = 'network', found {state.metric!r}, in which neurons do "
                "not move along a gradient in the plane"
            )
        self._state = state

    def largest(self) -> float:
        """The largest eigenvalue; steps of gradient descent below 2 / it are stable.

        NaN where a living neuron lies on a ray on which it does not slide. O(m), and O(s) for each
        of some dozens of products.
        """
        if not _is_smooth(self._state):
            return math.nan
        return _Blocks(self._state).largest() + self._state.decay

    def eigenvalues(self, n: int) -> Array:
        """The n largest eigenvalues, descending, (n,), NaN where `largest` is: O(m + n s^3).

        Raises
        ------
        ConfigError
            n is below 1, or above the number of coordinates: three a neuron, two if it slides.
        """
        blocks = _Blocks(self._state)
        n = count("n", n, ConfigError, most=blocks.coordinates)
        if not _is_smooth(self._state):
            return np.full(n, math.nan)
        return blocks.eigenvalues(n) + self._state.decay

    def product(self, vector: Array) -> Array:
        """The product with a vector (3, m), whose rows are the parts along a, b and c: O(m + s).

        Both are in the original order; with weights w in the variables sqrt(m w) (a, b, c), in
        which the Hessian is symmetric. What a vector holds across the rays of neurons that slide
        counts as 0.

        Raises
        ------
        ConfigError
            The vector has another shape.
        DeviceError
            The neurons are not on the CPU of one rank.
        """
        state = self._state
        given = numbers("vector", vector, ConfigError)
        if given.shape != (3, state.size):
            raise ConfigError(f"vector: expected shape (3, {state.size}), found {given.shape}")
        if state.kernels is not cpu or state.ranks.size > 1:
            raise DeviceError("Hessian: products need device = 'cpu' and one rank")
        where = state.original_indices()
        out = np.empty(given.shape)
        own = np.ascontiguousarray(given[:, where])
        out[:, where] = self.product_in_order(own, np.empty(given.shape))
        return out

    def product_in_order(self, vector: Array, out: Array) -> Array:
        """Write the product with a vector into ``out`` (3, m), which it may be.

        Both are in the order of the state, and fastest where that is sorted.
        """
        state = self._state
        flow = state.sigma_square / state.size, state.decay
        cpu.hessian_product(
            state.neurons, vector, state.order, state.samples, state.residual, flow, out,
            state.whole,
        )  # fmt: skip
        return out


class _Blocks:
    """What eigenvalues need of a state: the field of each cell, and sums over its neurons.

    Attributes
    ----------
    rates : (4 s,) float64
        g of each sector and ray: D has the eigenvalues g and -g for each of their neurons.
    counts : (4 s,) int64
        Number of neurons that move in each cell.
    coordinates : int
        Three a neuron, two for one that slides.
    """

    def __init__(self, state: State) -> None:
        s = state.x.size
        self._s = s
        self._xt, self._x, self._weights = state.samples.xt, state.x, state.weights
        self._rays = _directions(state.x)
        self._field = state.field()
        self._along = np.einsum("ri,ri->r", self._rays, self._field)
        self._moments = state.moments()
        self._covariances = self._of_kernel()
        self.rates = np.concatenate([np.hypot(*self._field.T), np.abs(self._along)])
        self.counts = state.cell_counts()[: 4 * s]
        self.counts[s] = 0
        self.coordinates = 3 * state.size - int(self.counts[2 * s :].sum())

    def _of_kernel(self) -> Array:
        """Sigma_k of the tangent kernel, (2 s, 3); sliding neurons of ray r count in sector r."""
        s, z, u = self._s, self._moments, self._rays
        out = z[: 2 * s, [0, 0, 1], [0, 1, 1]] + z[: 2 * s, 2, 2][:, None] * np.array([1, 0, 1])
        out[s] = 0.0
        square = z[2 * s :, 2, 2][:, None] * u[:, [0, 0, 1]] * u[:, [0, 1, 1]]
        return np.ascontiguousarray(out + z[2 * s :, [0, 0, 1], [0, 1, 1]] + square)

    def largest(self) -> float:
        """The largest eigenvalue of K, by the secants of 1 / (that of T), which is nearly linear.

        Above the largest eigenvalue of D, that of T falls, and is 1 where mu is the one of K.
        """
        least = float(np.max(self.rates, where=self.counts > 0, initial=0.0))
        of_kernel = largest_rate(self._covariances, self._xt)
        hi = least + of_kernel
        accuracy, lo = _PRECISION * hi, least
        if least == 0.0 or of_kernel <= accuracy or not hi < math.inf:
            return hi
        before, at_before = hi, self._excess(hi)
        mu = hi - at_before * of_kernel
        for _ in range(_MOST_SECANTS):
            if not lo < mu < hi:
                mu = 0.5 * (lo + hi)
            now = self._excess(mu)
            lo, hi = (lo, mu) if now > 0.0 else (mu, hi)
            slope = (now - at_before) / (mu - before)
            before, at_before = mu, now
            if abs(now) <= abs(slope) * accuracy or hi - lo <= accuracy:
                break
            mu -= now / slope
        return mu

    def _excess(self, mu: float) -> float:
        """1 / (the largest eigenvalue of T(mu)) - 1."""
        return 1.0 / largest_rate(self._kernel_at(mu), self._xt) - 1.0

    def eigenvalues(self, n: int) -> Array:
        """The n largest eigenvalues of K, descending, each by bisection of the number above mu."""
        size = float(np.max(self.rates, where=self.counts > 0, initial=0.0))
        most = size + largest_rate(self._covariances, self._xt)
        accuracy, out = _PRECISION * most, np.empty(n)
        for k in range(n):
            lo, hi = -size - 2.0 * accuracy, most + 2.0 * accuracy if k == 0 else out[k - 1]
            while hi - lo > accuracy:
                mu = lo + 0.49 * (hi - lo)  # the middle is 0 at first, an eigenvalue of D
                if self._number_above(mu) > k:
                    lo = mu
                else:
                    hi = mu
            out[k] = 0.5 * (lo + hi)
        return out

    def _number_above(self, mu: float) -> int:
        """The number of eigenvalues of K above mu, which is none of D."""
        of_d = int(self.counts[self.rates > mu].sum()) if mu >= 0.0 else 0
        if mu < 0.0:
            # all but the -g below mu
            of_d = self.coordinates - int(self.counts[-self.rates <= mu].sum())
        kernel = kernel_matrix(self._kernel_at(mu), self._x, self._weights)
        return of_d + int(np.count_nonzero(np.linalg.eigvalsh(kernel) > 1.0))

    def _kernel_at(self, mu: float) -> Array:
        """The covariances (2 s, 3) with which T(mu) is a tangent kernel."""
        s, out = self._s, np.zeros((2 * self._s, 3))
        some = np.flatnonzero(self.counts[: 2 * s])
        g = self.rates[some]
        apart = _apart(mu, g)
        a = np.einsum("ki,imn->kmn", self._field[some], _E)
        scale = (1.0 / apart)[:, None, None]
        # (mu + A)^-1, since A^3 = g^2 A
        inverse = np.eye(3) / mu - scale * a + (scale / mu) * (a @ a)
        left = np.einsum("pmn,knl->kpml", _E, inverse)
        right = np.einsum("qmn,knl->kqml", _E, self._moments[some])
        both = np.einsum("kpml,kqlm->kpq", left, right)
        out[some] = both[:, [0, 0, 1], [0, 1, 1]]
        some = np.flatnonzero(self.counts[2 * s :])
        g, u, z = self._along[some], self._rays[some], self._moments[2 * s + some]
        pp = np.einsum("ki,kij,kj->k", u, z[:, :2, :2], u)
        pc, cc = np.einsum("ki,ki->k", u, z[:, :2, 2]), z[:, 2, 2]
        size = (mu * (pp + cc) - 2.0 * g * pc) / _apart(mu, g)
        out[some] += size[:, None] * u[:, [0, 0, 1]] * u[:, [0, 1, 1]]
        return out


def _apart(mu: float, g: Array) -> Array:
    """mu^2 - g^2, and a number of the size of its rounding where that is 0."""
    squares = mu * mu - g * g
    return np.where(squares == 0.0, np.finfo(float).eps * mu * mu, squares)


def _directions(x: Array) -> Array:
    """The unit vectors along all rays, (2 s, 2), as ``rays.ray_direction`` has them."""
    first = np.stack([np.ones(x.size), -x], axis=1) / np.sqrt(1.0 + x * x)[:, None]
    return np.concatenate([first, -first])


def _is_smooth(state: State) -> bool:
    """Whether no living neuron lies on a ray on which it does not slide, and f is finite."""
    own = state.kernels.count_on_rays(state.neurons, state.order.slots, state.x)
    return state.ranks.total(int(own)) == 0 and bool(np.isfinite(state.residual).all())
