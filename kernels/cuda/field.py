"""What depends on samples and sectors only, by one block.

Each thread takes a run of samples; what lies behind or before its run comes from a scan over the
threads. One thread adds up in the order of the CPU.
"""

import numpy as np

from ._jit import THREADS, cuda, device, double, doubles, float64, kernel
from .arrays import download, upload


@device
def _run_of_samples(s):
    share = (s + cuda.blockDim.x - 1) // cuda.blockDim.x
    lo = min(cuda.threadIdx.x * share, s)
    return lo, min(lo + share, s)


@device
def _scan_both_ways(sums):
    """Rows 0 and 1: sums over later threads. Rows 2 and 3: over earlier ones. In place."""
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
    p0 = sums[0, t + 1] if t + 1 < n else float64(0.0)
    p1 = sums[1, t + 1] if t + 1 < n else float64(0.0)
    q0 = sums[2, t - 1] if t >= 1 else float64(0.0)
    q1 = sums[3, t - 1] if t >= 1 else float64(0.0)
    cuda.syncthreads()
    sums[0, t], sums[1, t], sums[2, t], sums[3, t] = p0, p1, q0, q1
    cuda.syncthreads()


@device
def field_in_block(rho, x, scale, out, sums):
    """``out`` (2 s, 2) = scale G_k, G_k = - sum_{j in C_k} rho_j (x_j, 1)."""
    t, s = cuda.threadIdx.x, x.size
    lo, hi = _run_of_samples(s)
    px = p1 = float64(0.0)
    for j in range(hi - 1, lo - 1, -1):
        px -= rho[j] * x[j]
        p1 -= rho[j]
    qx = q1 = float64(0.0)
    for j in range(lo, hi):
        qx -= rho[j] * x[j]
        q1 -= rho[j]
    cuda.syncthreads()
    sums[0, t], sums[1, t], sums[2, t], sums[3, t] = px, p1, qx, q1
    _scan_both_ways(sums)
    px, p1 = sums[0, t], sums[1, t]
    for j in range(hi - 1, lo - 1, -1):
        px -= rho[j] * x[j]
        p1 -= rho[j]
        out[j, 0] = scale * px
        out[j, 1] = scale * p1
    qx, q1 = sums[2, t], sums[3, t]
    for j in range(lo, hi):
        out[s + j, 0] = scale * qx
        out[s + j, 1] = scale * q1
        qx -= rho[j] * x[j]
        q1 -= rho[j]
    cuda.syncthreads()


@device
def prediction_in_block(moments, x, scale, out, sums):
    """``out_j = scale sum_{k: j in C_k} <M_k, xt_j>`` of the moments (2 s, 2)."""
    t, s = cuda.threadIdx.x, x.size
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
        out[j] = px * x[j] + p1
        px += moments[s + j, 0]
        p1 += moments[s + j, 1]
    qx, q1 = sums[2, t], sums[3, t]
    for j in range(lo, hi):
        qx += moments[j, 0]
        q1 += moments[j, 1]
        out[j] = scale * (out[j] + (qx * x[j] + q1))
    cuda.syncthreads()


@kernel(doubles(), doubles(), doubles(2), blocks_a_processor=1)
def _field(rho, x, out):
    sums = cuda.shared.array((4, THREADS), float64)
    field_in_block(rho, x, float64(1.0), out, sums)


@kernel(doubles(2), doubles(), double, doubles(), blocks_a_processor=1)
def _prediction(moments, x, scale, out):
    sums = cuda.shared.array((4, THREADS), float64)
    prediction_in_block(moments, x, scale, out, sums)


@kernel(doubles(2), doubles(), doubles(), doubles(2), doubles(), blocks_a_processor=1)
def _residual_rate(covariances, rho, x, work, out):
    sums = cuda.shared.array((4, THREADS), float64)
    field_in_block(rho, x, float64(1.0), work, sums)
    for k in range(cuda.threadIdx.x, 2 * x.size, cuda.blockDim.x):
        gx, g1 = work[k, 0], work[k, 1]
        work[k, 0] = covariances[k, 0] * gx + covariances[k, 1] * g1
        work[k, 1] = covariances[k, 1] * gx + covariances[k, 2] * g1
    cuda.syncthreads()
    prediction_in_block(work, x, float64(1.0), out, sums)


def field(rho, x, out):
    """Field of every sector into ``out`` (2 s, 2); host arrays, as `cpu.field`."""
    result = upload(out, np.float64)
    _field(1, upload(rho, np.float64), upload(x, np.float64), result)
    out[:] = download(result)


def prediction(moments, x, scale, out):
    """Sum over a sample's active sectors into ``out`` (s,); host arrays, as `cpu.prediction`."""
    result = upload(out, np.float64)
    _prediction(1, upload(moments, np.float64), upload(x, np.float64), scale, result)
    out[:] = download(result)


def residual_rate(covariances, rho, x, work, out):
    """rho' = -H rho into ``out`` (s,), Sigma_k G_k into ``work``; as `cpu.residual_rate`."""
    device_work, result = upload(work, np.float64), upload(out, np.float64)
    _residual_rate(
        1, upload(covariances, np.float64), upload(rho, np.float64), upload(x, np.float64),
        device_work, result,
    )  # fmt: skip
    work[:], out[:] = download(device_work), download(result)
