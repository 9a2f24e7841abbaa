#!/usr/bin/env bash
# h5py 3.12.1: writing one number into all of a chunked dataset.
# Guess: dataset[:] = nan fills a dataset as fast as an array of that shape is written, or faster.
# Seen: the number is written row by row of two numbers, each a selection of its own: 400,000 numbers take
#   hundreds of times longer than dataset[:] = numpy.full(dataset.shape, nan).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.12.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import time

import h5py
import numpy as np

with h5py.File("a.h5", "w") as file:
    dataset = file.create_dataset("x", shape=(200, 1000, 2), dtype="f4", chunks=(1, 1000, 2))
    seconds = []
    for values in (np.float32(np.nan), np.full(dataset.shape, np.nan, np.float32)):
        begin = time.perf_counter()
        dataset[:] = values
        seconds.append(time.perf_counter() - begin)
        assert np.isnan(dataset[:]).all()
print(f"h5py {h5py.__version__}: a number {seconds[0]:.3g} s, an array of it {seconds[1]:.3g} s, "
      f"{seconds[0] / seconds[1]:.0f} times as long")
assert seconds[0] > 20 * seconds[1]
PY
