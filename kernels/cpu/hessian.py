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
from .runs import run_end


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
def _add_change_along(z, v, ux, u1, acc):
    """Do what `_add_change` does for neurons that slide along (ux, u1)."""
    total = 0.0
    for i in range(z.a.size):
        p, q = ux * z.a[i] + u1 * z.b[i], ux * v.a[i] + u1 * v.b[i]
        total += v.c[i] * p + z.c[i] * q
    acc[0] += ux * total
    acc[1] += u1 * total


@block
def _apply(z, v, field, change, decay, out):
    """Write the product of some neurons of a sector, with its field and the change of that."""
    gx, g1, dx, d1 = field[0], field[1], change[0], change[1]
    for i in range(z.a.size):
        out.a[i] = decay * v.a[i] - (z.c[i] * dx + v.c[i] * gx)
        out.b[i] = decay * v.b[i] - (z.c[i] * d1 + v.c[i] * g1)
        out.c[i] = decay * v.c[i] - (z.a[i] * dx + z.b[i] * d1 + v.a[i] * gx + v.b[i] * g1)


@block
def _apply_along(z, v, u, field, change, decay, out):
    """Do what `_apply` does for neurons that slide along u."""
    ux, u1 = u
    g, d = ux * field[0] + u1 * field[1], ux * change[0] + u1 * change[1]
    for i in range(z.a.size):
        p, q = ux * z.a[i] + u1 * z.b[i], ux * v.a[i] + u1 * v.b[i]
        along = decay * q - (z.c[i] * d + v.c[i] * g)
        out.a[i], out.b[i] = along * ux, along * u1
        out.c[i] = decay * v.c[i] - (p * d + q * g)


@block
def _part(z, lo, hi):
    return Neurons(z.a[lo:hi], z.b[lo:hi], z.c[lo:hi], z.cell[lo:hi])


@block
def _change_of_slot(z, v, x, acc):
    s = x.size
    lo = np.int64(0)
    while lo < z.cell.size:
        k, hi = z.cell[lo], run_end(z.cell, lo)
        if k < 2 * s and k != s:
            _add_change(_part(z, lo, hi), _part(v, lo, hi), acc[k])
        elif 2 * s <= k < 4 * s:
            ux, u1 = ray_direction(k - 2 * s, x)
            _add_change_along(_part(z, lo, hi), _part(v, lo, hi), ux, u1, acc[k - 2 * s])
        lo = hi


@block
def _apply_to_slot(z, v, x, fields, decay, out):
    field, change = fields
    s = x.size
    lo = np.int64(0)
    while lo < z.cell.size:
        k, hi = z.cell[lo], run_end(z.cell, lo)
        to = _part(out, lo, hi)
        if k < 2 * s and k != s:
            _apply(_part(z, lo, hi), _part(v, lo, hi), field[k], change[k], decay, to)
        elif 2 * s <= k < 4 * s:
            r = k - 2 * s
            u = ray_direction(r, x)
            _apply_along(_part(z, lo, hi), _part(v, lo, hi), u, field[r], change[r], decay, to)
        else:
            for i in range(hi - lo):
                to.a[i] = decay * v.a[lo + i]
                to.b[i] = decay * v.b[lo + i]
                to.c[i] = decay * v.c[lo + i]
        lo = hi


@parallel
def _change_of_slots(z, v, slots, x, acc):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _change_of_slot(_part(z, lo, hi), _part(v, lo, hi), x, acc[i])


@parallel
def _apply_to_slots(z, v, slots, x, fields, decay, out):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _apply_to_slot(_part(z, lo, hi), _part(v, lo, hi), x, fields, decay, _part(out, lo, hi))


def hessian_product(neurons, vector, order, samples, residual, flow, whole=None):
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
    whole : Whole, optional
        Needed where the arrays are a part of the neurons.

    Returns
    -------
    (3, m) float64
    """
    share, decay = flow
    x, xt, slots = samples.x, samples.xt, order.slots
    s = x.size
    v = Neurons(vector[0], vector[1], vector[2], neurons.cell)
    acc = np.zeros((slots.size - 1, 2 * s + PAD, 2))
    _change_of_slots(neurons, v, slots, x, acc)
    changed = np.empty(s)
    prediction(sum_slots(acc, whole), xt, share, changed)
    fields = np.empty((2 * s, 2)), np.empty((2 * s, 2))
    field_of(residual, xt, fields[0])
    field_of(changed, xt, fields[1])
    product = np.empty(vector.shape)
    out = Neurons(product[0], product[1], product[2], neurons.cell)
    _apply_to_slots(neurons, v, slots, x, fields, decay, out)
    return product
