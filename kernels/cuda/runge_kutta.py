"""One step of the Runge-Kutta method of ``host.kennedy`` for all neurons.

A stage is four launches: neurons move (`_stage`), their moments are gathered and combined, and one
block closes the stage with the residuals and the field of the next one.
"""

import math

import numpy as np

from ..flow import velocity, with_length
from ..host.field import prediction
from ..host.kennedy import B_EMBEDDED, STAGES, A, B, C
from ..records import Method, Neurons, Samples, Trial
from ..sectors import relocate
from ._jit import blocks_for, composed, cuda, ints, kernel, long, real, reals
from .arrays import download, upload
from .descent import FAILED, close_step, set_field
from .moments import gathered
from .sums import FIRST

FIRST_STAGE, INNER_STAGE, LAST_STAGE = range(3)


@kernel(
    reals(2), ints, composed(Trial, reals(2), ints, reals(2), reals(2)), reals(2), reals(),
    composed(Method, long, long, real, real, real),
)  # fmt: skip
def _stage(state, cell, trial, field, x, method):
    """Take one stage of every neuron, by its rate at the stage's argument.

    The sum so far (``total``), the error and the argument of the next stage (``stage``) are brought
    up to date, and so is the cell of that argument. After the last stage ``total`` and the cell
    are those of the new state, and ``stage`` is left as it was.
    """
    total, stage_cell, stage, error = trial
    metric, which, ha, hb, he = method
    s = x.size
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        own = cell[n]
        if which == FIRST_STAGE:
            k = own
            za, zb, zc = state[0, n], state[1, n], state[2, n]
            ta, tb, tc = za, zb, zc
            ea = eb = ec = za - za
        else:
            k = stage_cell[n]
            za, zb, zc = stage[0, n], stage[1, n], stage[2, n]
            ta, tb, tc = total[0, n], total[1, n], total[2, n]
            ea, eb, ec = error[0, n], error[1, n], error[2, n]
        if k >= 2 * s:
            va = vb = vc = za - za
        else:
            va, vb, vc = velocity(metric, za, zb, zc, field[k, 0], field[k, 1])
        ea, eb, ec = ea + he * va, eb + he * vb, ec + he * vc
        za, zb, zc = ta + ha * va, tb + ha * vb, tc + ha * vc
        ta, tb, tc = ta + hb * va, tb + hb * vb, tc + hb * vc
        if which == LAST_STAGE:
            if own < 2 * s and own != s:
                ta, tb = with_length(metric, ta, tb, state[0, n], state[1, n])
            za, zb, zc = ta, tb, tc
        else:
            stage[0, n], stage[1, n], stage[2, n] = za, zb, zc
        error[0, n], error[1, n], error[2, n] = ea, eb, ec
        total[0, n], total[1, n], total[2, n] = ta, tb, tc
        # dead or in the origin at the step's begin: for good; a stage may cross the dead sector
        resting = own == s or own >= 2 * s
        stage_cell[n] = own if resting else relocate(za, zb, k, x)


@kernel(reals(2), reals(2), reals(2), blocks_a_processor=4)
def _error_moments(total, error, out):
    """Write the first-order change of c (a, b) by the error into ``out`` (3, m).

    It is written as the (a, b) of neurons with c = 1, which `gathered` can then add up.
    """
    for n in range(cuda.grid(1), out.shape[1], cuda.gridsize(1)):
        a, b, c = total[0, n], total[1, n], total[2, n]
        out[0, n] = c * error[0, n] + error[2, n] * a
        out[1, n] = c * error[1, n] + error[2, n] * b
        out[2, n] = 1.0


def runge_kutta_step(state, cell, trial, slots, samples, method, residuals, whole=None):
    """Try one step, as ``cpu.runge_kutta_step`` does; residuals and samples are the host's."""
    (metric, h, decay, sigma), (before, residual) = method, residuals
    total, new_cell, stage, error = trial
    s, blocks = samples.x.size, blocks_for(slots.m)
    m = slots.m if whole is None else whole.m
    x = upload(samples.x, state.dtype)
    xs = Samples(*(upload(array, np.float64) for array in samples))
    rho = upload(before, np.float64)
    counters = upload(np.zeros(4, np.int64), np.int64)
    field = slots.array("field", (2 * s, 2), state.dtype)
    set_field(1, rho, xs.xt, 1.0, field)
    for step in range(STAGES):
        last = step == STAGES - 1
        which = LAST_STAGE if last else (INNER_STAGE if step else FIRST_STAGE)
        weights = h * A[step], h * B[step], h * (B[step] - B_EMBEDDED[step])
        _stage(blocks, state, cell, trial, field, x, Method(metric, which, *weights))
        at = total if last else stage
        sums = gathered(FIRST, 2, 2 * s, Neurons(at[0], at[1], at[2], new_cell), slots, whole)
        share = (sigma * math.exp(-decay * h * C[step])) ** 2 / m
        close_step(1, sums, xs, share, 1.0, rho, field, counters)
    _error_moments(blocks, total, error, stage)
    # in the cells of the old state: a neuron that the step has killed must not hide its error
    changed = Neurons(stage[0], stage[1], stage[2], cell)
    sums = download(gathered(FIRST, 2, 2 * s, changed, slots, whole))
    residual[:] = download(rho)
    if download(counters)[FAILED] or not np.isfinite(residual).all():
        return np.inf
    difference = np.empty(s)
    prediction(sums, samples.xt, share, difference)
    return math.sqrt(float(np.mean(difference**2)))
