"""Gradient descent: explicit Euler steps of all neurons, and the residuals between the steps.

A step is four launches: the neurons of tiles move, each in the field of its sector, and their
moments are added up by tile (`push`); the moments of the rest are added up by group (`add_rest`);
both sums are combined (`combine`); one block closes the step with new residuals and their field
(`close_step`). The host waits only after many steps.
"""

import numpy as np

from ..flow import EUCLIDEAN_WEIGHTED, euler_unweighted, euler_weighted
from ..host.decay import SIGMA
from ..records import Samples, Tiles
from ..sectors import is_in, move_on
from ._jit import (
    THREADS,
    composed,
    cuda,
    device,
    double,
    doubles,
    float64,
    int32,
    kernel,
    listed,
    long,
    longs,
    neurons,
    reals,
    variant,
)
from .arrays import download, upload
from .blocks import block_sum
from .field import field_in_block, prediction_in_block
from .halving import halve_if_due
from .slots import ROUNDS, sort_slots
from .sums import FAR, add_rest, combine, complete, list_rest, place_of, tiles

CHECK = 64
"""Number of steps between two looks of the host at what has happened on the device. Steps are
counted from the start of the run, wherever a call begins."""
SORT_SHARE = 0.1
"""Neurons are sorted again when the rest has grown by so much, in units of all neurons: the neurons
that it had in blocks of `CHECK` steps on top of those in the first block, summed since the last
sort."""

TAKEN, FAILED, CHANGES, REST = range(4)
"""Places of the counters: steps taken, whether the residuals have ceased to be finite, changes of
cell, and neurons in the rest, summed over steps."""


def _push(neurons, field, x, metric, tiles, rest, counters):
    """Move every neuron by ``field`` (2 s, 2) = h G_k, find its cell, and add up c (a, b) by tile.

    Neurons that count in a row far from their tile's home are listed in ``rest`` instead.
    """
    a, b, c, cell = neurons
    homes, near = tiles
    values = cuda.shared.array((7, THREADS), float64)
    counts = cuda.shared.array(THREADS, int32)
    t, m, s = cuda.threadIdx.x, a.size, x.size
    stride = cuda.blockDim.x
    if counters[FAILED] != 0:  # the host has queued this step before it could know
        return
    for tile in range(cuda.blockIdx.x, homes.size, cuda.gridDim.x):
        home, first = homes[tile], tile * ROUNDS * stride
        flags = 0
        for q in range(7):
            values[q, t] = 0.0
        for r in range(ROUNDS):
            i = first + r * stride + t
            k = cell[i] if i < m else s
            if k < 2 * s and k != s:
                an, bn, cn = euler_unweighted(metric, a[i], b[i], c[i], field[k, 0], field[k, 1])
                a[i], b[i], c[i] = an, bn, cn
                new = k if is_in(an, bn, k, x) else move_on(an, bn, k, x)
                if new != k:
                    cell[i] = new
                    values[6, t] += 1.0
                if new < 2 * s and new != s:
                    place = place_of(new, home, 2 * s)
                    if place == FAR:
                        flags |= 1 << r
                    else:
                        values[2 * place, t] += float64(cn) * float64(an)
                        values[2 * place + 1, t] += float64(cn) * float64(bn)
        n_rest = list_rest(flags, first, stride, m, rest.neurons, counts)
        block_sum(values, 7)
        for v in range(t, 6, stride):
            near[tile, v] = values[v, 0]
        if t == 0:
            rest.count[tile] = n_rest
            cuda.atomic.add(counters, CHANGES, int(values[6, 0]))
            cuda.atomic.add(counters, REST, n_rest)
        cuda.syncthreads()


@device
def _weighted(metric, a, b, c, hx, h1):
    return euler_weighted(a, b, c, hx, h1)


_arguments = neurons, reals(2), reals(), long, tiles, listed, longs
# weights need more registers than four blocks leave, which the other metrics can do with
push = kernel(*_arguments, blocks_a_processor=4)(_push)
push_weighted = kernel(*_arguments, blocks_a_processor=3)(
    variant(_push, "push_weighted", euler_unweighted=_weighted)
)


@kernel(doubles(), doubles(2), double, reals(2), blocks_a_processor=1)
def set_field(rho, xt, h, field):
    """Write h G_k of the residuals into ``field`` (2 s, 2); to be launched with one block."""
    sums = cuda.shared.array((4, THREADS), float64)
    field_in_block(rho, xt, h, field, sums)


@kernel(
    doubles(2), composed(Samples, doubles(), doubles(), doubles(2)), double, double, doubles(),
    reals(2), longs, blocks_a_processor=1,
)  # fmt: skip
def close_step(moments, samples, scale, h, rho, field, counters):
    """Compute new residuals and h G_k from the moments, if the step was taken.

    To be launched with one block, which can wait for all its threads.
    """
    x, y, xt = samples
    sums = cuda.shared.array((4, THREADS), float64)
    t = cuda.threadIdx.x
    if counters[FAILED] != 0:
        return
    prediction_in_block(moments, xt, scale, rho, sums)
    unfinished = False
    for j in range(t, x.size, cuda.blockDim.x):
        rho[j] -= y[j]
        unfinished = unfinished or not (abs(rho[j]) < np.inf)
    failed = cuda.syncthreads_or(1 if unfinished else 0)
    field_in_block(rho, xt, h, field, sums)
    if t == 0:
        counters[TAKEN] += 1
        if failed:
            counters[FAILED] = 1


def gradient_descent(neurons, order, samples, descent, residual, whole=None):
    """Take explicit Euler steps, as ``cpu.gradient_descent`` does; the residuals are the host's."""
    slots, s, precision = order.slots, samples.x.size, neurons.a.dtype
    m = slots.m if whole is None else whole.m
    rho = upload(residual, np.float64)
    xs = Samples(*(upload(array, np.float64) for array in samples))
    x = upload(samples.x, precision)
    counters = upload(np.zeros(4, np.int64), np.int64)
    field = slots.array("field", (2 * s, 2), precision)
    bins, sums = slots.bins(2 * s, 2), slots.array("sums", (2 * s, 2))
    tiles, rest = Tiles(slots.homes, slots.near(2)), slots.rest
    set_field(1, rho, xs.xt, descent.h, field)
    move = push_weighted if descent.metric == EUCLIDEAN_WEIGHTED else push
    taken, failed, n_rest, changes = 0, 0, 0, 0
    while taken < descent.count and not failed:
        # the host waits only here, after many steps: when it looks does not depend on how many
        # steps a call takes, so that sorts and bits do not either
        for _ in range(min(CHECK - slots.clock.steps % CHECK, descent.count - taken)):
            move(slots.n_tiles, neurons, field, x, descent.metric, tiles, rest, counters)
            add_rest(slots.n_groups, neurons, rest, bins, slots.used, s)
            combine(2 * s, tiles, 3, bins, slots.used, sums)
            complete(sums, whole)
            descent.sigma[SIGMA] *= descent.keep
            share = descent.sigma[SIGMA] ** 2 / m
            close_step(1, sums, xs, share, descent.h, rho, field, counters)
            halve_if_due(neurons, slots, descent.sigma)
        before, rest_before = taken, n_rest
        taken, failed, changes, n_rest = (int(n) for n in download(counters))
        slots.clock.steps += taken - before
        order.stray_work[0] += n_rest - rest_before
        if slots.clock.steps % CHECK == 0:
            slots.clock.add(int(order.stray_work[0]))
            order.stray_work[0] = 0
            if slots.clock.is_over(SORT_SHARE * slots.m):
                sort_slots(neurons, order)
    order.crossings[0] += changes
    residual[:] = download(rho)
    return taken
