"""scipy.integrate.solve_ivp on the gradient flow of a dense network in NumPy."""

import time

import numpy as np
from scipy.integrate import solve_ivp


class TooLong(Exception):
    """The time allowed is over."""


class Failed(Exception):
    """The method gave up."""


def solve(samples, parameters, until, tolerance, method, most_seconds):
    """Residuals at the time ``until``; raises `TooLong` or `Failed`."""
    x, y, m = samples.x, samples.y, parameters[0].size
    deadline = time.perf_counter() + most_seconds

    def rate(_, z):
        if time.perf_counter() > deadline:
            raise TooLong
        a, b, c = z.reshape(3, m)
        active = np.maximum(x[:, None] * a + b, 0.0)
        rho = active @ c / m - y
        force = (active > 0.0) * rho[:, None]
        gx, g1 = -(x @ force), -force.sum(0)
        return np.concatenate([c * gx, c * g1, a * gx + b * g1])

    start = np.concatenate(parameters)
    done = solve_ivp(rate, (0.0, until), start, method=method, rtol=tolerance,
                     atol=1e-3 * tolerance, t_eval=[until])  # fmt: skip
    if not done.success:
        raise Failed(done.message)
    a, b, c = done.y[:, -1].reshape(3, m)
    return np.maximum(x[:, None] * a + b, 0.0) @ c / m - y
