#!/usr/bin/env bash
# pandas 2.2.3: read_csv and the last bit of floating-point numbers.
# Guess: the shortest digits that name a double, as repr writes them, are read back as that double; 'high' is better than the default.
# Seen: 3,162 of 10,000 normal deviates differ by up to 2 units in the last place, with the default and with 'high' alike; 'legacy' is better (2,415), 'round_trip' exact.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==2.2.3 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import io

import numpy as np
import pandas as pd

written = np.random.default_rng(0).standard_normal(10_000)
text = "x\n" + "\n".join(map(repr, written.tolist()))
found = {}
for precision in (None, "high", "legacy", "round_trip"):
    read = pd.read_csv(io.StringIO(text), float_precision=precision).x.to_numpy()
    found[precision] = int((read != written).sum())
    print(f"pandas {pd.__version__}, float_precision={precision}: {found[precision]:,} of 10,000 differ")
assert found == {None: 3162, "high": 3162, "legacy": 2415, "round_trip": 0}, found
PY
