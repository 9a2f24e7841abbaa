"""Whether stored positions carry the function whose residuals stand beside them.

f(x_j) = (1/m) sum_i rhat_i [<(x_j, 1), d(theta_i)>]_+ of rhat and theta rounded to single precision
is off by the sum of m small errors. Where the samples' y are as small as that sum, or neurons are
large and cancel each other, the stored positions carry another function than the run has.
"""

import math

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import predict_at
from particleflow.model.cells import put_on_rays, rays_of
from particleflow.run.observed import Observed

ALLOWED = 1e-3
"""Error of the stored function at the samples, in units of ``Samples.spread``."""
_CHUNK = 1 << 16  # neurons compared at once: more would take as much memory as all else
_ROUNDING = 2.0**-24
"""Largest relative error of a number that is rounded to float32."""


def expected_error(sim: Observed) -> float:
    """Root mean square error to expect of f(x_j) from float32 positions, in spreads; collective.

    The errors of the neurons are taken as independent, each of them twice |rhat| |(x_j, 1)| 2^-24,
    once for rhat and once for theta, even if the neurons cancel each other at the start as they do
    in antisymmetric networks.
    """
    state = sim.state
    frame = state.new_frame(state.size, np.dtype(np.float32))
    state.pack_frame(frame)
    frame.wait()
    rhat = _counted(sim, frame.position[:, 0].astype(np.float64))
    total = np.array([np.dot(rhat, rhat)])
    sim.ranks.add(total)
    reach = math.sqrt(1.0 + float(np.abs(state.x).max()) ** 2)
    error = 2.0 * _ROUNDING * reach * math.sqrt(float(total[0])) / state.size
    return error / sim.samples.spread


def stored_error(sim: Observed, position: np.ndarray, cell: np.ndarray) -> float:
    """Root mean square error of f(x_j) from stored positions of all neurons, in spreads.

    Collective: each rank hands in the rows of its own neurons.

    Parameters
    ----------
    sim : Observed
        In the state that was stored.
    position : (n, 2) array
        (rhat, theta) of this rank's neurons, as stored.
    cell : (n,) int32
        Cells of the same neurons: a neuron on a ray is put there exactly.
    """
    state = sim.state
    f: Array = np.zeros(state.x.size)
    all_rhat = _counted(sim, position[:, 0].astype(np.float64))
    for first in range(0, cell.size, _CHUNK):
        rhat = all_rhat[first : first + _CHUNK]
        theta = position[first : first + _CHUNK, 1].astype(np.float64)
        a, b = np.cos(theta), np.sin(theta)
        put_on_rays(a, b, rays_of(cell[first : first + _CHUNK], state.x.size), state.x)
        # predict_at divides by the number of these neurons, f by that of all neurons
        f += predict_at(a, b, np.ascontiguousarray(rhat), state.x) * (rhat.size / state.size)
    sim.ranks.add(f)
    error = f - state.y - state.errors()
    return float(np.sqrt(np.mean(error * error))) / sim.samples.spread


def _counted(sim: Observed, rhat: Array) -> Array:
    """rhat of this rank's neurons times m w, with which they count in f."""
    relative = sim.state.relative_mass()
    return rhat if relative is None else rhat * relative
