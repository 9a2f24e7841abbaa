"""Products of the Hessian of the loss with a vector that has a component for each variable.

In a sector the rate of a neuron is z' = A(G) z, linear in z = (a, b, c) and in the field G. A
change v of all neurons changes it by A(G) v + A(dG) z, with dG the field of the change of the
residuals. That is minus the Hessian of m L times v, with which gradient descent of step h is stable
while h times its largest eigenvalue is below 2. One loop over the neurons gives the change of the
residuals, a second one the product. A neuron that slides moves along its ray only, and so do its
part of the vector and of the product; for those that are dead or at rest in the origin only
weight decay, which adds its rate times the vector, has a part.
"""

import numpy as np

from .._jit import block, parallel, prange, sums
from ..host.field import field as field_of
from ..host.field import prediction
from ..host.sums import PAD, sum_slots
from ..rays import ray_direction
from ..records import Neurons
from .arrays import read
from .prefetch import AHEAD, LINE, prefetch
from .runs import CHUNK, run_end

STRETCH = 128
"""Number of neurons of one cell that are treated together."""


@block
def _part(z, lo, hi):
    return Neurons(z.a[lo:hi], z.b[lo:hi], z.c[lo:hi], z.cell[lo:hi])


@sums
def _stretch(cell, lo):
    """The end of the neurons of one cell that begin at ``lo``, or of the first `STRETCH` or so."""
    hi = run_end(cell, lo)
    while hi < cell.size and cell[hi] == cell[lo] and hi - lo < STRETCH:
        hi = run_end(cell, hi)
    return hi


@sums
def _fetch(z, v, lo, hi):
    """Have the memory fetch neurons ahead of those from lo to hi (``prefetch``)."""
    for i in range(lo + AHEAD, hi + AHEAD, LINE):
        prefetch(z.a, i)
        prefetch(z.b, i)
        prefetch(z.c, i)
        prefetch(v.a, i)
        prefetch(v.b, i)
        prefetch(v.c, i)


@sums
def _add_change(z, v, acc):
    """Add the first-order change of c (a, b) of some neurons of a sector to a row."""
    sx = s1 = 0.0
    for i in range(z.a.size):
        sx += v.c[i] * z.a[i] + z.c[i] * v.a[i]
        s1 += v.c[i] * z.b[i] + z.c[i] * v.b[i]
    acc[0] += sx
    acc[1] += s1


@sums
def _add_change_along(z, v, u, acc):
    """Do what `_add_change` does for neurons that slide along u."""
    total = 0.0
    for i in range(z.a.size):
        p, q = u[0] * z.a[i] + u[1] * z.b[i], u[0] * v.a[i] + u[1] * v.b[i]
        total += v.c[i] * p + z.c[i] * q
    acc[0] += u[0] * total
    acc[1] += u[1] * total


@block
def _apply(z, v, fields, spare, out):
    """Write the product of some neurons of a sector, with its field and the change of that.

    ``out`` may be the vector: its third part is kept in ``spare`` until the others are there. Few
    arrays a loop, or LLVM makes no vectors of it.
    """
    gx, g1, dx, d1, decay = fields
    n = z.a.size
    for i in range(n):
        spare[i] = decay * v.c[i] - (z.a[i] * dx + z.b[i] * d1 + v.a[i] * gx + v.b[i] * g1)
    for i in range(n):
        out.a[i] = decay * v.a[i] - (z.c[i] * dx + v.c[i] * gx)
    for i in range(n):
        out.b[i] = decay * v.b[i] - (z.c[i] * d1 + v.c[i] * g1)
    for i in range(n):
        out.c[i] = spare[i]


@block
def _apply_along(z, v, fields, u, out):
    """Do what `_apply` does for neurons that slide along u."""
    gx, g1, dx, d1, decay = fields
    g, d = u[0] * gx + u[1] * g1, u[0] * dx + u[1] * d1
    for i in range(z.a.size):
        p, q = u[0] * z.a[i] + u[1] * z.b[i], u[0] * v.a[i] + u[1] * v.b[i]
        along, vc = decay * q - (z.c[i] * d + v.c[i] * g), v.c[i]
        out.a[i], out.b[i] = along * u[0], along * u[1]
        out.c[i] = decay * vc - (p * d + q * g)


@block
def _change_of_slot(z, v, x, acc):
    s, lo = x.size, np.int64(0)
    while lo < z.cell.size:
        k, hi = z.cell[lo], _stretch(z.cell, lo)
        _fetch(z, v, lo, hi)
        if k < 2 * s and k != s:
            _add_change(_part(z, lo, hi), _part(v, lo, hi), acc[k])
        elif 2 * s <= k < 4 * s:
            r = k - 2 * s
            _add_change_along(_part(z, lo, hi), _part(v, lo, hi), ray_direction(r, x), acc[r])
        lo = hi


@block
def _apply_to_slot(z, v, x, fields, out):
    field, change, decay = fields
    s, lo, spare = x.size, np.int64(0), np.empty(STRETCH + CHUNK)
    while lo < z.cell.size:
        k, hi = z.cell[lo], _stretch(z.cell, lo)
        _fetch(z, v, lo, hi)
        own, part, to = _part(z, lo, hi), _part(v, lo, hi), _part(out, lo, hi)
        if k < 2 * s and k != s:
            here = field[k, 0], field[k, 1], change[k, 0], change[k, 1], decay
            _apply(own, part, here, spare, to)
        elif 2 * s <= k < 4 * s:
            r = k - 2 * s
            here = field[r, 0], field[r, 1], change[r, 0], change[r, 1], decay
            _apply_along(own, part, here, ray_direction(r, x), to)
        else:
            _apply(own, part, (0.0, 0.0, 0.0, 0.0, decay), spare, to)
        lo = hi


@parallel
def _change_of_slots(z, v, slots, x, acc):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _change_of_slot(_part(z, lo, hi), _part(v, lo, hi), x, acc[i])


@parallel
def _apply_to_slots(z, v, slots, x, fields, out):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _apply_to_slot(_part(z, lo, hi), _part(v, lo, hi), x, fields, _part(out, lo, hi))


@sums
def _count_on_rays(z, x):
    count = 0
    s = x.size
    for i in range(z.cell.size):
        k = z.cell[i]
        if k < 2 * s and k != s:
            an, bn, _ = read(z.a, z.b, z.c, i)
            # not as a sum that is 0: a fused operation would not round the product
            count += bn == -(an * x[(k + s - 1) % s]) or bn == -(an * x[k % s])
    return count


@parallel
def count_on_rays(neurons, slots, x):
    """The number of living neurons that lie on a ray beside their sector, and do not slide."""
    count = 0
    for i in prange(slots.size - 1):
        count += _count_on_rays(_part(neurons, slots[i], slots[i + 1]), x)
    return count


def hessian_product(neurons, vector, order, samples, residual, flow, out, whole=None):
    """Multiply the Hessian of m L, and of the penalty of weight decay, with a vector.

    Parameters
    ----------
    neurons : Neurons
        In the network metric.
    vector : (3, m) float64
        In the order of the neurons.
    order : Order
    samples : Samples
    residual : (s,) float64
    flow : tuple of two float
        What sums over the stored neurons are multiplied by to be those of f, and the rate of decay.
    out : (3, m) float64
        Overwritten with the product; it may be the vector.
    whole : Whole, optional
        Needed where the arrays are a part of the neurons.
    """
    share, decay = flow
    x, xt, slots = samples.x, samples.xt, order.slots
    s = x.size
    v = Neurons(vector[0], vector[1], vector[2], neurons.cell)
    acc = np.zeros((slots.size - 1, 2 * s + PAD, 2))
    _change_of_slots(neurons, v, slots, x, acc)
    changed = np.empty(s)
    prediction(sum_slots(acc, whole), xt, share, changed)
    fields = np.empty((2 * s, 2)), np.empty((2 * s, 2)), decay
    field_of(residual, xt, fields[0])
    field_of(changed, xt, fields[1])
    product = Neurons(out[0], out[1], out[2], neurons.cell)
    _apply_to_slots(neurons, v, slots, x, fields, product)
