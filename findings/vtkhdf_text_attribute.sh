#!/usr/bin/env bash
# vtk 9.4.0 and 9.7.2: VTKHDF whose attribute Type h5py has written from a Python text.
# Guess: a text is a text; a reader of HDF5 takes variable-length UTF-8, which h5py writes by default.
# Seen: 9.4.0 reads no point, and says "Not an ASCII string character type" on stderr while Update() raises nothing;
#   9.7.2 reads the file. A fixed-length ASCII text (numpy.bytes_) is read by both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/read.py" <<'PY'
import sys

import h5py
import numpy as np
import vtk

for name, text in {"a str": "PolyData", "numpy.bytes_": np.bytes_("PolyData")}.items():
    path = f"{name}.vtkhdf"
    with h5py.File(path, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0])
        root.attrs["Type"] = text
        root["NumberOfPoints"] = np.array([5])
        root["Points"] = np.zeros((5, 3))
        for kind, cells in {"Vertices": 5, "Lines": 0, "Strips": 0, "Polygons": 0}.items():
            group = root.create_group(kind)
            group["NumberOfCells"] = group["NumberOfConnectivityIds"] = np.array([cells])
            group["Connectivity"], group["Offsets"] = np.arange(cells), np.arange(cells + 1)
    reader = vtk.vtkHDFReader()
    reader.SetFileName(path)
    reader.Update()
    output = reader.GetOutput()
    points = output.GetNumberOfPoints() if output is not None else 0
    print(f"vtk {vtk.vtkVersion().GetVTKVersion()}, {name}: {points} points")
    assert points == (0 if name == "a str" and sys.argv[1] == "refuses" else 5)
PY
cd "$folder"
for case in "9.4.0 refuses" "9.7.2 reads"; do
  read -r version what <<<"$case"
  python3 -m venv "venv$version"
  "venv$version/bin/pip" install --quiet --disable-pip-version-check "vtk==$version" h5py==3.16.0 numpy==2.4.6
  "venv$version/bin/python" read.py "$what" 2>"said$version.txt" || { cat "said$version.txt"; exit 1; }
done
grep -q "Not an ASCII string character type" said9.4.0.txt
