"""One step of the Runge-Kutta method of ``host.kennedy`` for all neurons.

A stage is one loop over all neurons, after which their moments give the residuals of the next one.
"""

import math

import numpy as np

from .._jit import block, driver, parallel, prange
from ..flow import velocity, with_length
from ..host.arrivals import close_step
from ..host.field import field as field_of
from ..host.field import prediction
from ..host.kennedy import B_EMBEDDED, STAGES, A, B, C
from ..host.sums import PAD, sum_slots, tree_sum
from ..records import Samples, Stage, Trial
from ..sectors import relocate
from .arrays import read


@block
def _stage_slot(state, cell, trial, lo, hi, method, step, acc):
    """Take one stage of the neurons lo:hi, by their rate at the stage's argument.

    The sum so far, the error and the argument of the next stage are brought up to date, and so are
    the cell and the moments of that argument. ``acc`` (2 s + PAD, 4) receives the moments; after
    the last stage those of the new state and, in columns 2 and 3, their first-order change by the
    error, in the sectors of the old state: a neuron that the step has killed must not hide its
    error.
    """
    total, stage_cell, stage, error = trial
    field, x, metric, h = method
    s = x.size
    ha, hb, he = h * A[step], h * B[step], h * (B[step] - B_EMBEDDED[step])
    last = step == STAGES - 1
    acc[:] = 0.0
    for n in range(lo, hi):
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
        else:
            va, vb, vc = velocity(metric, za, zb, zc, field[k, 0], field[k, 1])
        ea, eb, ec = ea + he * va, eb + he * vb, ec + he * vc
        za, zb, zc = ta + ha * va, tb + ha * vb, tc + ha * vc
        ta, tb, tc = ta + hb * va, tb + hb * vb, tc + hb * vc
        if last:
            if cell[n] < 2 * s and cell[n] != s:
                ta, tb = with_length(metric, ta, tb, state[0, n], state[1, n])
        else:
            error[0, n], error[1, n], error[2, n] = ea, eb, ec
            stage[0, n], stage[1, n], stage[2, n] = za, zb, zc
        total[0, n], total[1, n], total[2, n] = ta, tb, tc
        ta, tb, tc = read(total[0], total[1], total[2], n)
        za, zb, zc = (ta, tb, tc) if last else read(stage[0], stage[1], stage[2], n)
        # who rests is said by the cell at the step's begin: a stage may cross the dead sector and
        # come back
        resting = cell[n] == s or cell[n] >= 2 * s  # dead or in the origin: for good
        k = cell[n] if resting else relocate(za, zb, k, x)
        stage_cell[n] = k
        if k < 2 * s:
            acc[k, 0] += zc * za
            acc[k, 1] += zc * zb
        k = cell[n]
        if last and k < 2 * s:
            acc[k, 2] += tc * ea + ec * ta
            acc[k, 3] += tc * eb + ec * tb


@parallel
def _stage_slots(state, cell, trial, slots, stage, step, acc):
    for i in prange(slots.size - 1):
        _stage_slot(state, cell, trial, slots[i], slots[i + 1], stage, step, acc[i])


@driver
def _take_stage(state, cell, trial, slots, samples, method, residual, acc):
    """Take one stage in the field of these residuals; ``acc`` receives its moments by slot."""
    (metric, h, _, _), step = method
    g = np.empty((2 * samples.x.size, 2))
    field_of(residual, samples.xt, g)
    stage = Stage(g, samples.x, metric, h)
    if slots.size == 2:  # a parallel region costs more than a small step
        _stage_slot(state, cell, trial, slots[0], slots[1], stage, np.int64(step), acc[0])
    else:
        _stage_slots(state, cell, trial, slots, stage, np.int64(step), acc)


@driver
def _error_of(moments, xt, scale):
    """The root mean square over the samples of how the error changes the prediction.

    ``moments`` are the changes of the sums of c (a, b); for ``scale`` see `_share_after`.
    """
    difference = np.empty(xt.shape[0])
    prediction(moments, xt, scale, difference)
    squares = 0.0
    for j in range(xt.shape[0]):
        squares += difference[j] * difference[j]
    return math.sqrt(squares / xt.shape[0])


@driver
def _share_after(method, step, m):
    """What sums over m neurons are multiplied by after a stage: 1/m, and the decay factor's square.

    The factor shrinks within the step like the exponential of its time.
    """
    _, h, decay, sigma = method
    now = sigma * math.exp(-decay * h * C[step])
    return now * now / m


@driver
def _try_step(state, cell, trial, slots, samples, method, residuals):
    """Do what `runge_kutta_step` does, in a process that has all neurons, with plain tuples."""
    before, residual = residuals
    room = Trial(trial[0], trial[1], trial[2], trial[3])
    data = Samples(samples[0], samples[1], samples[2])
    n_slots, scale = slots.size - 1, 1.0
    acc = np.empty((n_slots, 2 * data.x.size + PAD, 4))
    for j in range(residual.size):
        residual[j] = before[j]
    for step in range(STAGES):
        _take_stage(state, cell, room, slots, data, (method, step), residual, acc)
        tree_sum(acc.reshape((n_slots, -1)))
        scale = _share_after(method, step, cell.size)
        if not close_step(acc[0], data, scale, residual):
            return np.inf
    return _error_of(acc[0, :, 2:], data.xt, scale)


def runge_kutta_step(state, cell, trial, slots, samples, method, residuals, whole=None):
    """Try one step of all neurons; the old state is left as it is.

    Parameters
    ----------
    state : (3, m) float32 or float64
        The three state variables (see ``flow``).
    cell : (m,) int32
        Their cells.
    trial : Trial
        Overwritten with the new state, in the euclidean metric with directions of unit length, and
        its cells; the rest is work space.
    slots : (n_slots + 1,) int64
    samples : Samples
    method : tuple of int and three float
        The metric's number, the length of the step, the rate of weight decay, and the decay factor
        at the step's begin (see ``host.decay``).
    residuals : tuple of two (s,) float64
        Residuals of the old state; overwritten with those of the new one.
    whole : Whole, optional
        Needed where the arrays are a part of the neurons.

    Returns
    -------
    float
        Error of the step in the prediction: root mean square over the samples of the difference
        that the embedded method would make, to first order; infinite if the residuals ceased to be
        finite on the way.
    """
    if whole is None:
        return _try_step(state, cell, tuple(trial), slots, tuple(samples), method, residuals)
    before, residual = residuals
    acc = np.empty((slots.size - 1, 2 * samples.x.size + PAD, 4))
    residual[:] = before
    for step in range(STAGES):
        _take_stage(state, cell, trial, slots, samples, (method, step), residual, acc)
        sums, scale = sum_slots(acc, whole), _share_after(method, step, whole.m)
        if not close_step(sums, samples, scale, residual):
            return np.inf
    return _error_of(sums[:, 2:], samples.xt, scale)
