"""Problems in which no neuron meets a ray, and their flow by scipy: smooth, so that orders show."""

import naive
import numpy as np
from scipy.integrate import solve_ivp

import particleflow as pf


def smooth_case(metric, seed=0, m=60, until=0.2):
    """Samples, and neurons that meet no ray before ``until``."""
    random = np.random.default_rng(seed)
    x, rho = naive.samples(random, 6)
    a, b, c = random.standard_normal((3, 10 * m))
    if metric == "euclidean":
        norm = np.hypot(a, b)
        a, b, c = a / norm, b / norm, c * norm
    va, vb, _ = naive.velocity(a, b, c, x, rho, metric)
    towards = np.abs(np.outer(va, x) + vb[:, None])
    far = (np.abs(np.outer(a, x) + b[:, None]) > 2.0 * until * towards + 0.05).all(axis=1)
    z = np.array([a, b, c])[:, far][:, :m]
    assert z.shape[1] == m
    return pf.Samples(x, naive.predict(*z, x) - rho), z


def scipy_flow(samples, z, metric, until):
    """The flow by scipy at tight tolerance on the plain NumPy velocity."""
    x, y = samples.x, samples.y
    m = z.shape[1]

    def rate(_, flat):
        a, b, c = flat.reshape(3, m)
        rho = naive.predict(a, b, c, x) - y
        return naive.velocity(a, b, c, x, rho, metric).ravel()

    solution = solve_ivp(rate, (0, until), z.ravel(), "DOP853", rtol=1e-13, atol=1e-14)
    return solution.y[:, -1].reshape(3, m)
