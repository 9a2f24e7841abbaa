"""What the eigenvalues of the Hessian need to know of neurons on a device, besides their sums."""

import numpy as np

from ._jit import THREADS, blocks_for, cuda, float64, int32, kernel, longs, neurons, reals
from .arrays import download, upload
from .blocks import block_sum


@kernel(neurons, reals(), longs, blocks_a_processor=4)
def _count_on_rays(neurons, x, out):
    a, b, _, cell = neurons
    found = cuda.shared.array((1, THREADS), float64)
    s, count = x.size, int32(0)
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        k = cell[n]
        if k < 2 * s and k != s:
            # not as a sum that is 0: a fused operation would not round the product
            an, bn = float64(a[n]), float64(b[n])
            before, after = float64(x[(k + s - 1) % s]), float64(x[k % s])
            count += bn == -(an * before) or bn == -(an * after)
    found[0, cuda.threadIdx.x] = count
    block_sum(found, 1)
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(out, 0, int(found[0, 0]))


def count_on_rays(neurons, slots, x):
    """The number of living neurons that lie on a ray beside their sector, and do not slide."""
    out = upload(np.zeros(1, np.int64), np.int64)
    blocks = min(blocks_for(slots.m), 1024)
    _count_on_rays(blocks, neurons, upload(x, neurons.a.dtype), out)
    return int(download(out)[0])
