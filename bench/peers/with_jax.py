"""JAX: the loop that users write, and the best formulations of the same step that we found."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def _forward(x, z):
    a, b, c = z
    return jax.nn.relu(x[:, None] * a + b) @ c / a.size


def _loss(z, x, y):
    return 0.5 * jnp.sum((_forward(x, z) - y) ** 2)


@partial(jax.jit, donate_argnums=0)
def _gradient_steps(z, x, y, h, n):
    m = z.shape[1]
    return jax.lax.fori_loop(0, n, lambda _, z: z - m * h * jax.grad(_loss)(z, x, y), z)


def _moved(z, g):
    a, b, c = z
    return jnp.stack([a + c * g[0], b + c * g[1], c + (a * g[0] + b * g[1])])


def _scan_step(z, rho, x, y, h):
    """One sample at a time over all neurons."""
    a, b, _ = z

    def add_force(g, sample):
        xj, rj = sample
        force = jnp.where(a * xj + b > 0, -h * rj, 0.0)
        return g + jnp.stack([force * xj, force]), None

    g, _ = jax.lax.scan(add_force, jnp.zeros((2, a.size)), (x, rho))
    z = _moved(z, g)
    a, b, c = z
    f = jax.lax.map(lambda xj: jnp.sum(c * jax.nn.relu(a * xj + b)), x)
    return z, f / a.size - y


def _chunk_step(z, rho, x, y, h):
    """Chunks of neurons whose dense matrix fits into the cache."""
    m = z.shape[1]
    size = max(64, 2**17 // x.size)
    n = max(1, m // size)
    if m % n:
        n = next(k for k in range(n, 0, -1) if m % k == 0)
    force = jnp.stack([rho * x, rho], axis=1) * -h

    def one(f, chunk):
        a, b, c = chunk
        g = ((a[:, None] * x + b[:, None]) > 0).astype(x.dtype) @ force
        chunk = _moved(chunk, g.T)
        a, b, c = chunk
        return f + c @ jax.nn.relu(a[:, None] * x + b[:, None]), chunk

    chunks = z.reshape(3, n, m // n).transpose(1, 0, 2)
    f, chunks = jax.lax.scan(one, jnp.zeros_like(y), chunks)
    return chunks.transpose(1, 0, 2).reshape(3, m), f / m - y


@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def _steps(step, z, rho, x, y, h, n):
    return jax.lax.fori_loop(0, n, lambda _, state: step(*state, x, y, h), (z, rho))


class Gradient:
    """jax.grad of a dense network, jitted."""

    def __init__(self, problem):
        self._x, self._y, self._h = jnp.array(problem.x), jnp.array(problem.y), problem.h
        self._z = jnp.stack([jnp.array(v) for v in problem.parameters])

    def steps(self, n):
        """Take n steps in one call."""
        self._z = _gradient_steps(self._z, self._x, self._y, self._h, n).block_until_ready()

    def residual(self):
        """The residuals now."""
        return np.array(_forward(self._x, self._z) - self._y)


class _ByHand(Gradient):
    step = None

    def __init__(self, problem):
        super().__init__(problem)
        self._rho = _forward(self._x, self._z) - self._y

    def steps(self, n):
        """Take n steps in one call."""
        self._z, self._rho = _steps(self.step, self._z, self._rho, self._x, self._y, self._h, n)
        self._rho.block_until_ready()

    def residual(self):
        """The residuals now."""
        return np.array(self._rho)


class Scan(_ByHand):
    """A scan over samples, gradients by hand."""

    step = staticmethod(_scan_step)


class Chunked(_ByHand):
    """A scan over chunks of neurons, gradients by hand."""

    step = staticmethod(_chunk_step)


PEERS = {
    "JAX: gradient": Gradient,
    "JAX: scan over samples": Scan,
    "JAX: chunks, by hand": Chunked,
}
