#!/usr/bin/env bash
# h5py 3.12.1 with HDF5 1.14.4: virtual datasets whose source is missing.
# Guess: reading a virtual dataset whose source file is not there raises an error.
# Seen: it reads as zeros; with fillvalue=nan at its creation as NaN. The list of sources still names the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.12.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import h5py
import numpy as np

with h5py.File("a.h5", "w") as file:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("moved away.h5", "x", (3,))
    file.create_virtual_dataset("plain", layout)
    file.create_virtual_dataset("marked", layout, fillvalue=np.nan)
with h5py.File("a.h5") as file:
    plain, marked = file["plain"][:], file["marked"][:]
    source = file["plain"].virtual_sources()[0].file_name
print(f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}: plain {plain}, with NaN {marked}, source {source!r}")
assert plain.tolist() == [0.0, 0.0, 0.0]
assert np.isnan(marked).all()
assert source == "moved away.h5"
PY
