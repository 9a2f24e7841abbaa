"""Fields and predictions, which depend on samples and sectors only, computed by one block.

Each thread takes a run of samples; the sums over the samples behind its run, or before it, come
from a scan over the threads. A block of a single thread adds up in the order of the CPU. The xt_j,
(s, 2), are those of ``records.Samples``.
"""

from ._jit import cuda, device, float64


@device
def _run_of_samples(s):
    """The first sample of this thread's run, and the end of the run."""
    share = (s + cuda.blockDim.x - 1) // cuda.blockDim.x
    lo = min(cuda.threadIdx.x * share, s)
    return lo, min(lo + share, s)


@device
def _scan_both_ways(sums):
    """Replace rows 0 and 1 by sums over all later threads, rows 2 and 3 by sums over earlier ones.

    A thread's own number is in neither of its sums.
    """
    t, n = cuda.threadIdx.x, cuda.blockDim.x
    step = 1
    cuda.syncthreads()
    while step < n:
        p0 = sums[0, t + step] if t + step < n else float64(0.0)
        p1 = sums[1, t + step] if t + step < n else float64(0.0)
        q0 = sums[2, t - step] if t >= step else float64(0.0)
        q1 = sums[3, t - step] if t >= step else float64(0.0)
        cuda.syncthreads()
        sums[0, t] += p0
        sums[1, t] += p1
        sums[2, t] += q0
        sums[3, t] += q1
        cuda.syncthreads()
        step *= 2
    # so far a thread's own number is counted, too: take the sums of the neighbouring threads
    p0 = sums[0, t + 1] if t + 1 < n else float64(0.0)
    p1 = sums[1, t + 1] if t + 1 < n else float64(0.0)
    q0 = sums[2, t - 1] if t >= 1 else float64(0.0)
    q1 = sums[3, t - 1] if t >= 1 else float64(0.0)
    cuda.syncthreads()
    sums[0, t], sums[1, t], sums[2, t], sums[3, t] = p0, p1, q0, q1
    cuda.syncthreads()


@device
def field_in_block(rho, xt, scale, out, sums):
    """Write scale G_k into ``out`` (2 s, 2), with G_k = - sum_{j in C_k} rho_j xt_j.

    ``sums`` (4, THREADS) is shared work space.
    """
    t, s = cuda.threadIdx.x, xt.shape[0]
    lo, hi = _run_of_samples(s)
    px = p1 = float64(0.0)
    for j in range(hi - 1, lo - 1, -1):
        px -= rho[j] * xt[j, 0]
        p1 -= rho[j] * xt[j, 1]
    qx = q1 = float64(0.0)
    for j in range(lo, hi):
        qx -= rho[j] * xt[j, 0]
        q1 -= rho[j] * xt[j, 1]
    cuda.syncthreads()
    sums[0, t], sums[1, t], sums[2, t], sums[3, t] = px, p1, qx, q1
    _scan_both_ways(sums)
    px, p1 = sums[0, t], sums[1, t]
    for j in range(hi - 1, lo - 1, -1):
        px -= rho[j] * xt[j, 0]
        p1 -= rho[j] * xt[j, 1]
        out[j, 0] = scale * px
        out[j, 1] = scale * p1
    qx, q1 = sums[2, t], sums[3, t]
    for j in range(lo, hi):
        out[s + j, 0] = scale * qx
        out[s + j, 1] = scale * q1
        qx -= rho[j] * xt[j, 0]
        q1 -= rho[j] * xt[j, 1]
    cuda.syncthreads()


@device
def prediction_in_block(moments, xt, scale, out, sums):
    """Write scale sum_{k: j in C_k} <M_k, xt_j> into ``out`` (s,), of the moments M_k (2 s, 2).

    ``sums`` (4, THREADS) is shared work space.
    """
    t, s = cuda.threadIdx.x, xt.shape[0]
    lo, hi = _run_of_samples(s)
    px = p1 = float64(0.0)
    for j in range(hi - 1, lo - 1, -1):
        px += moments[s + j, 0]
        p1 += moments[s + j, 1]
    qx = q1 = float64(0.0)
    for j in range(lo, hi):
        qx += moments[j, 0]
        q1 += moments[j, 1]
    cuda.syncthreads()
    sums[0, t], sums[1, t], sums[2, t], sums[3, t] = px, p1, qx, q1
    _scan_both_ways(sums)
    px, p1 = sums[0, t], sums[1, t]
    for j in range(hi - 1, lo - 1, -1):
        out[j] = px * xt[j, 0] + p1 * xt[j, 1]
        px += moments[s + j, 0]
        p1 += moments[s + j, 1]
    qx, q1 = sums[2, t], sums[3, t]
    for j in range(lo, hi):
        qx += moments[j, 0]
        q1 += moments[j, 1]
        out[j] = scale * (out[j] + (qx * xt[j, 0] + q1 * xt[j, 1]))
    cuda.syncthreads()
