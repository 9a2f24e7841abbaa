"""Sums, ranks and scans by the threads of a block together, all in a fixed order.

Each function waits for all threads when it begins, since some may still use the shared arrays for
something else, and when it ends, so that all see its result.
"""

from ._jit import cuda, device


@device
def block_sum(values, n):
    """Add up the first n rows of ``values`` (>= n, THREADS) over the threads, into column 0."""
    t = cuda.threadIdx.x
    stride = cuda.blockDim.x // 2
    cuda.syncthreads()
    while stride > 0:
        if t < stride:
            for q in range(n):
                values[q, t] += values[q, t + stride]
        cuda.syncthreads()
        stride //= 2


@device
def block_scan(counts):
    """Replace each of ``counts`` (THREADS,) by the sum of those up to it and with it."""
    t = cuda.threadIdx.x
    step = 1
    cuda.syncthreads()
    while step < cuda.blockDim.x:
        before = counts[t - step] if t >= step else 0
        cuda.syncthreads()
        counts[t] += before
        cuda.syncthreads()
        step *= 2


@device
def rank_among(flag, counts):
    """How many threads before this one raise the flag, and how many do in all.

    ``counts`` (THREADS,) is work space.
    """
    t = cuda.threadIdx.x
    cuda.syncthreads()
    counts[t] = 1 if flag else 0
    block_scan(counts)
    return counts[t] - (1 if flag else 0), counts[cuda.blockDim.x - 1]


@device
def add_records(keys, values, n, n_values, rows):
    """Add n records to the rows of their keys.

    The thread of the first record of a key adds up all records of this key, in their order. No
    other thread writes to the key's row, so that the sum needs no atomic operation.

    Parameters
    ----------
    keys : (THREADS,) int32
        Shared; the row of each record, -1 if it counts nowhere.
    values : (>= n_values, THREADS) float64
        Shared.
    n, n_values : int
        Number of records, at most one a thread, and of values in each.
    rows : (n_rows, n_values) float64
        Modified in place.
    """
    t = cuda.threadIdx.x
    cuda.syncthreads()
    if t < n and keys[t] >= 0:
        key, first = keys[t], 0
        while keys[first] != key:
            first += 1
        if first == t:
            for v in range(n_values):
                total = values[v, t]
                for j in range(t + 1, n):
                    if keys[j] == key:
                        total += values[v, j]
                rows[key, v] += total
    cuda.syncthreads()
