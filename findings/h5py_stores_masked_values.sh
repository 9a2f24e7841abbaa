#!/usr/bin/env bash
# h5py 3.12.1: masked arrays of NumPy.
# Guess: writing a masked array warns, fails, or stores its fill value.
# Seen: what lies under the mask is stored as data, without a word; numpy.ma.filled has to be called first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.12.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import warnings

import h5py
import numpy as np

masked = np.ma.masked_values([1.0, -99.99, 3.0], -99.99)
with warnings.catch_warnings(), h5py.File("a.h5", "w") as file:
    warnings.simplefilter("error")
    file["assigned"] = masked
    file.create_dataset("created", data=masked)
    file["set"] = np.zeros(3)
    file["set"][...] = masked
    for name in ("assigned", "created", "set"):
        print(f"h5py {h5py.__version__}, {name}: {file[name][:].tolist()}, mean {file[name][:].mean():.4g}")
        assert file[name][1] == -99.99
assert float(masked.mean()) == 2.0
PY
