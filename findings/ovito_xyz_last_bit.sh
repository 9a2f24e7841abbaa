#!/usr/bin/env bash
# OVITO 3.17.2: extended XYZ with doubles in shortest digits.
# Guess: a double that is written with as many digits as it takes to name it is read as itself.
# Seen: one in nine is read as its neighbour, with 17 digits one in six.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ovito==3.17.2
cd "$folder"
venv/bin/python - <<'PY'
import warnings

warnings.simplefilter("ignore")
import numpy as np
import ovito
from ovito.io import import_file

points = np.random.default_rng(1).normal(size=(20_000, 3))
shares = {}
for name, write in {"shortest digits": repr, "17 digits": "{:.17g}".format}.items():
    with open("a.xyz", "w") as file:
        file.write(f"{len(points)}\nProperties=pos:R:3\n")
        for row in points.tolist():
            file.write(" ".join(map(write, row)) + "\n")
    read = np.asarray(import_file("a.xyz").compute().particles.positions)
    assert all(float(write(v)) == v for v in points[:100].ravel().tolist())
    apart = np.abs(read.view(np.int64) - points.view(np.int64))
    shares[name] = float((apart > 0).mean())
    print(f"ovito {ovito.version_string}, {name}: {shares[name]:.1%} are not what was written, "
          f"by {apart.max()} units in the last place at most")
    assert apart.max() == 1
assert 0.05 < shares["shortest digits"] < 0.25
assert 0.05 < shares["17 digits"] < 0.3
PY
