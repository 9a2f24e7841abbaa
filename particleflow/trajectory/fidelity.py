"""Whether stored positions carry the function whose residuals stand beside them.

f(x_j) = (1/m) sum_i rhat_i [<(x_j, 1), d(theta_i)>]_+ of rhat and theta rounded to single precision
is off by the sum of m small errors. Where samples are of the size of that sum, or neurons large and
opposed, another function is stored than the run has.
"""

import math

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import predict_at
from particleflow.model.cells import put_on_rays, rays_of
from particleflow.run.observed import Observed

ALLOWED = 1e-3
"""Error of the stored function at the samples, in units of ``Samples.spread``."""
_ROUNDING = 2.0**-24


def expected_error(sim: Observed) -> float:
    """Root mean square error to expect of f(x_j) from float32 positions, in spreads; collective.

    Errors of neurons are taken as independent: |rhat| |(x_j, 1)| 2^-24 each, twice, for rhat and
    theta, however they cancel at the start, as in antisymmetric networks.
    """
    state = sim.state
    frame = state.new_frame(state.size, np.dtype(np.float32))
    state.pack_frame(frame)
    frame.wait()
    rhat = frame.position[:, 0].astype(np.float64)
    total = np.array([np.dot(rhat, rhat)])
    sim.ranks.add(total)
    reach = math.sqrt(1.0 + float(np.abs(state.x).max()) ** 2)
    error = 2.0 * _ROUNDING * reach * math.sqrt(float(total[0])) / state.size
    return error / sim.samples.spread


def stored_error(sim: Observed, position: np.ndarray, cell: np.ndarray) -> float:
    """Root mean square error of f(x_j) of these rows of all neurons, in spreads; collective.

    Parameters
    ----------
    sim : Observed
        In the state that was stored.
    position : (n, 2) array
        (rhat, theta) of this rank's neurons, as stored.
    cell : (n,) int32
    """
    state = sim.state
    rhat, theta = position.astype(np.float64).T
    a, b = np.cos(theta), np.sin(theta)
    put_on_rays(a, b, rays_of(cell, state.x.size), state.x)
    f: Array = predict_at(a, b, np.ascontiguousarray(rhat), state.x) * (rhat.size / state.size)
    sim.ranks.add(f)
    error = f - state.y - state.residual
    return float(np.sqrt(np.mean(error * error))) / sim.samples.spread
