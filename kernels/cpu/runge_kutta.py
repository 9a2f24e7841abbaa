"""One step of a low-storage embedded explicit Runge-Kutta method for all neurons.

RK4(3)5[2R+]C of C. A. Kennedy, M. H. Carpenter and R. M. Lewis, "Low-storage, explicit Runge-Kutta
schemes for the compressible Navier-Stokes equations", Appl. Numer. Math. 35 (2000): five stages,
order 4, embedded order 3, and the stages of van der Houwen's form, in which the argument of stage
i + 1 is the sum of the step so far plus ``A_i`` times the rate of stage i. So a stage needs the sum
and its own argument, no matter how many stages there are.
"""

import math

import numpy as np

from .._jit import block, driver, parallel, prange
from ..flow import EUCLIDEAN, velocity_euclidean, velocity_network
from ..sectors import relocate
from .arrays import read
from .field import field as field_of
from .field import prediction
from .gradient_descent import close_step
from .slots import PAD, sum_slots, tree_sum

A = (
    970286171893 / 4311952581923,
    6584761158862 / 12103376702013,
    2251764453980 / 15575788980749,
    26877169314380 / 34165994151039,
    0.0,
)
B = (
    1153189308089 / 22510343858157,
    1772645290293 / 4653164025191,
    -1672844663538 / 4480602732383,
    2114624349019 / 3568978502595,
    5198255086312 / 14908931495163,
)
B_EMBEDDED = (
    1016888040809 / 7410784769900,
    11231460423587 / 58533540763752,
    -1563879915014 / 6823010717585,
    606302364029 / 971179775848,
    1097981568119 / 3980877426909,
)
STAGES = 5


@block
def _stage_slot(
    state, cell, total, stage, stage_cell, error, slots, field, x, metric, h, step, acc, i
):
    """Rate at the stage's argument; sum, error and next argument; its cell and moments.

    ``acc[i]`` (2 s + PAD, 4) receives the moments of the next argument; after the last stage those
    of the new state and, in columns 2 and 3, their first-order change by the error, in the sectors
    of the old state: a neuron that the step has killed must not hide its error.
    """
    s = x.size
    ha, hb, he = h * A[step], h * B[step], h * (B[step] - B_EMBEDDED[step])
    last = step == STAGES - 1
    acc[i] = 0.0
    for n in range(slots[i], slots[i + 1]):
        if step == 0:
            k = cell[n]
            za, zb, zc = read(state[0], state[1], state[2], n)
            ta, tb, tc = za, zb, zc
            ea = eb = ec = 0.0
        else:
            k = stage_cell[n]
            za, zb, zc = read(stage[0], stage[1], stage[2], n)
            ta, tb, tc = read(total[0], total[1], total[2], n)
            ea, eb, ec = read(error[0], error[1], error[2], n)
        if k >= 2 * s:
            va = vb = vc = 0.0
        elif metric == EUCLIDEAN:
            va, vb, vc = velocity_euclidean(za, zb, zc, field[k, 0], field[k, 1])
        else:
            va, vb, vc = velocity_network(za, zb, zc, field[k, 0], field[k, 1])
        ea, eb, ec = ea + he * va, eb + he * vb, ec + he * vc
        za, zb, zc = ta + ha * va, tb + ha * vb, tc + ha * vc
        ta, tb, tc = ta + hb * va, tb + hb * vb, tc + hb * vc
        if last:
            if metric == EUCLIDEAN and cell[n] < 2 * s and cell[n] != s:
                norm = math.sqrt(ta * ta + tb * tb)
                ta /= norm
                tb /= norm
        else:
            error[0, n], error[1, n], error[2, n] = ea, eb, ec
            stage[0, n], stage[1, n], stage[2, n] = za, zb, zc
        total[0, n], total[1, n], total[2, n] = ta, tb, tc
        ta, tb, tc = read(total[0], total[1], total[2], n)
        za, zb, zc = (ta, tb, tc) if last else read(stage[0], stage[1], stage[2], n)
        resting = cell[n] == s or cell[n] >= 2 * s  # dead or in the origin: for good
        k = cell[n] if resting else relocate(za, zb, k, x)
        stage_cell[n] = k
        if k < 2 * s:
            acc[i, k, 0] += zc * za
            acc[i, k, 1] += zc * zb
        k = cell[n]
        if last and k < 2 * s:
            acc[i, k, 2] += tc * ea + ec * ta
            acc[i, k, 3] += tc * eb + ec * tb


@parallel
def _stage(state, cell, total, stage, stage_cell, error, slots, field, x, metric, h, step, acc):
    for i in prange(slots.size - 1):
        _stage_slot(
            state, cell, total, stage, stage_cell, error, slots, field, x, metric, h,
            np.int64(step), acc, np.int64(i),
        )  # fmt: skip


@driver
def _take_stage(state, cell, total, stage, new_cell, error, slots, x, metric, h, rho, step, acc):
    """One stage in the field of these residuals; moments of the next argument into ``acc``."""
    g = np.empty((2 * x.size, 2))
    field_of(rho, x, g)
    if slots.size == 2:  # a parallel region costs more than a small step
        _stage_slot(
            state, cell, total, stage, new_cell, error, slots, g, x, metric, h,
            np.int64(step), acc, np.int64(0),
        )  # fmt: skip
    else:
        _stage(state, cell, total, stage, new_cell, error, slots, g, x, metric, h, step, acc)


@driver
def _error_of(moments, x, scale):
    """Root mean square over the samples of what the error changes."""
    difference = np.empty(x.size)
    prediction(moments, x, scale, difference)
    squares = 0.0
    for j in range(x.size):
        squares += difference[j] * difference[j]
    return math.sqrt(squares / x.size)


@driver
def _try_step(state, cell, total, new_cell, stage, error, slots, x, y, metric, h, rho, new_rho):
    n_slots, scale = slots.size - 1, 1.0 / cell.size
    acc = np.empty((n_slots, 2 * x.size + PAD, 4))
    new_rho[:] = rho
    for step in range(STAGES):
        _take_stage(
            state, cell, total, stage, new_cell, error, slots, x, metric, h, new_rho, step, acc
        )
        tree_sum(acc.reshape((n_slots, -1)))
        if not close_step(acc[0, :, :2], x, y, scale, new_rho):
            return np.inf
    return _error_of(acc[0, :, 2:], x, scale)


def runge_kutta_step(
    state, cell, total, new_cell, stage, error, slots, x, y, metric, h, rho, new_rho, whole=None
):
    """Try one step of size h; the old state is left as it is.

    Parameters
    ----------
    state : (3, m) float64
        The three state variables (see ``flow``).
    cell : (m,) int32
        Their cells.
    total : (3, m) float64
        Overwritten with the new state; in the euclidean metric its directions have unit length.
    new_cell : (m,) int32
        Overwritten with the cells of the new state.
    stage, error : (3, m) float64
        Work space.
    slots : (n_slots + 1,) int64
    x, y : (s,) float64
        Samples.
    metric : int
    h : float
    rho : (s,) float64
        Residuals of the old state.
    new_rho : (s,) float64
        Overwritten with the residuals of the new state.
    whole : Whole, optional
        Where the arrays are a part of the neurons.

    Returns
    -------
    float
        Error of the step in the prediction: root mean square over the samples of the difference
        that the embedded method would make, to first order; infinite if the residuals ceased to be
        finite on the way.
    """
    if whole is None:
        return _try_step(
            state, cell, total, new_cell, stage, error, slots, x, y, metric, h, rho, new_rho
        )
    acc = np.empty((slots.size - 1, 2 * x.size + PAD, 4))
    new_rho[:] = rho
    for step in range(STAGES):
        _take_stage(
            state, cell, total, stage, new_cell, error, slots, x, metric, h, new_rho, step, acc
        )
        sums = sum_slots(acc, whole)
        if not close_step(sums[:, :2], x, y, 1.0 / whole.m, new_rho):
            return np.inf
    return _error_of(sums[:, 2:], x, 1.0 / whole.m)
