#!/usr/bin/env bash
# pyfive 0.5.1: virtual datasets.
# Guess: a reader that does not know virtual datasets raises an error when one is read.
# Seen: the dataset is listed with its shape and dtype, and indexing it gives None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyfive==0.5.1 h5py==3.12.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import h5py
import numpy as np
import pyfive

with h5py.File("source.h5", "w") as file:
    file["values"] = np.arange(6.0)
with h5py.File("shown.h5", "w") as file:
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource("source.h5", "values", (6,))
    file.create_virtual_dataset("values", layout)
with h5py.File("shown.h5") as file:
    assert file["values"][:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
dataset = pyfive.File("shown.h5")["values"]
print(f"pyfive {pyfive.__version__}: shape {dataset.shape}, dtype {dataset.dtype}, values {dataset[:]}")
assert dataset.shape == (6,)
assert dataset[:] is None
PY
