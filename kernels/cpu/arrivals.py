"""Moments of the neurons where a pass leaves them: of c (a, b), and of the tangent kernel."""

from .._jit import float64, inlined, sums
from ..rays import U1, UX


@sums
def products(a, b, c):
    """The sums of c a, c b, a a, a b, b b and c c over some neurons."""
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(a.size):
        ai, bi, ci = float64(a[i]), float64(b[i]), float64(c[i])
        ca += ci * ai
        cb += ci * bi
        aa += ai * ai
        ab += ai * bi
        bb += bi * bi
        cc += ci * ci
    return ca, cb, aa, ab, bb, cc


@sums
def products_without(a, b, c, without):
    """The sums of `products` over those neurons that ``without`` does not mark."""
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(a.size):
        # a select, not a factor 0: the map of a cell may have led a marked neuron to NaN
        ai = 0.0 if without[i] else float64(a[i])
        bi = 0.0 if without[i] else float64(b[i])
        ci = 0.0 if without[i] else float64(c[i])
        ca += ci * ai
        cb += ci * bi
        aa += ai * ai
        ab += ai * bi
        bb += bi * bi
        cc += ci * ci
    return ca, cb, aa, ab, bb, cc


NO_PRODUCTS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""The sums of `products` over no neurons."""


@inlined
def with_one(sums, a, b, c):
    """The sums of `products`, with those of one more neuron."""
    ca, cb, aa, ab, bb, cc = sums
    return ca + c * a, cb + c * b, aa + a * a, ab + a * b, bb + b * b, cc + c * c


@inlined
def add_products(acc, k, sums, rays):
    """Add sums as of `products`, over neurons of cell k, to the row of its sector in ``acc``.

    Neurons that slide on ray r count in row r, with c^2 u u^T + (a, b) (a, b)^T; row r + 1 would do
    as well, for the ray's sample sees nothing of them. Neurons that are dead or in the origin count
    nothing.
    """
    n_rays = rays.shape[0]
    ca, cb, aa, ab, bb, cc = sums
    if k < n_rays:
        if 2 * k != n_rays:
            acc[k, 0] += ca
            acc[k, 1] += cb
            acc[k, 2] += aa + cc
            acc[k, 3] += ab
            acc[k, 4] += bb + cc
    elif k < 2 * n_rays:
        r = k - n_rays
        ux, u1 = rays[r, UX], rays[r, U1]
        acc[r, 0] += ca
        acc[r, 1] += cb
        acc[r, 2] += aa + cc * ux * ux
        acc[r, 3] += ab + cc * ux * u1
        acc[r, 4] += bb + cc * u1 * u1
        acc[r, 5] += cc


@inlined
def arrive(a, b, c, k, index, job):
    """Store the state of one neuron of cell k, and add it to the moments of a pass."""
    to = job.to
    to.a[index], to.b[index], to.c[index], to.cell[index] = a, b, c, k
    add_products(job.acc, k, (c * a, c * b, a * a, a * b, b * b, c * c), job.frozen.rays)
