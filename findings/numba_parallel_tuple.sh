#!/usr/bin/env bash
# numba 0.68.1: a parallel loop that writes into an array which came in a tuple.
# Guess: unpacking a tuple argument first (counts, = arrays) or naming a field of a named tuple in the
#   loop (arrays.counts[i] = ...) makes no difference to what a prange loop writes.
# Seen: nothing is written, without an error or a warning: the assignment is removed as dead code. With an
#   index before the loop (counts = arrays[0]), without parallel=True, or with a call in the loop that
#   does the writing, all is written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
from collections import namedtuple

import numba
import numpy as np

Arrays = namedtuple("Arrays", "counts")


def unpacked(arrays, n):
    (counts,) = arrays
    for i in numba.prange(n):
        counts[i] = i + 1


def by_field(arrays, n):
    for i in numba.prange(n):
        arrays.counts[i] = i + 1


def by_index(arrays, n):
    counts = arrays[0]
    for i in numba.prange(n):
        counts[i] = i + 1


def written(function, parallel):
    counts = np.zeros(4, np.int64)
    numba.njit(parallel=parallel)(function)(Arrays(counts), 4)
    return counts.tolist()


found = {f.__name__: (written(f, True), written(f, False)) for f in (unpacked, by_field, by_index)}
print(f"numba {numba.__version__}")
for name, (parallel, serial) in found.items():
    print(f"{name}: parallel {parallel}, serial {serial}")
assert all(serial == [1, 2, 3, 4] for _, serial in found.values())
assert found["unpacked"][0] == found["by_field"][0] == [0, 0, 0, 0]
assert found["by_index"][0] == [1, 2, 3, 4]
PY
