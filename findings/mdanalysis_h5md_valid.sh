#!/usr/bin/env bash
# MDAnalysis 2.11.0: three files that H5MD 1.1 allows.
# Guess: a box with fixed edges, times on an even grid (a number each for step and time), and a group of particles in
#   a plane beside one in space are read, or refused by a sentence that names them.
# Seen: KeyError about a message type, OSError without a text, and "only supports 3-dimensional simulation boxes" if
#   the name of the group in the plane comes first in the alphabet, but not if it comes second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check MDAnalysis==2.11.0 h5py==3.16.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import warnings

warnings.simplefilter("ignore")
import h5py
import MDAnalysis as mda
import numpy as np

FRAMES, N = 4, 7
made = []


def group(file, name, dimension=3, fixed_box=False, even=False):
    particles = file.create_group(f"particles/{name}")
    box = particles.create_group("box")
    box.attrs["dimension"] = dimension
    box.attrs["boundary"] = np.array([b"none"] * dimension)
    if fixed_box:
        box["edges"] = np.ones(dimension)
    position = particles.create_group("position")
    position["value"] = np.zeros((FRAMES, N, dimension))
    position["step"] = 1 if even else np.arange(FRAMES)
    position["time"] = 0.5 if even else np.arange(FRAMES) * 0.5


def read(**groups):
    path = f"{len(made)}.h5md"
    made.append(path)
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = np.array([1, 1])
        for name, options in groups.items():
            group(file, name, **options)
    universe = mda.Universe.empty(N, trajectory=True)
    try:
        universe.load_new(path, format="H5MD", convert_units=False)
        return f"{len(universe.trajectory)} frames"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


seen = {
    "all allowed for": read(trajectory={}),
    "fixed edges": read(trajectory={"fixed_box": True}),
    "even times": read(trajectory={"even": True}),
    "plane first": read(a_plane={"dimension": 2}, space={}),
    "plane second": read(space={}, the_plane={"dimension": 2}),
}
for what, found in seen.items():
    print(f"MDAnalysis {mda.__version__}, {what}: {found}")
assert seen["all allowed for"] == seen["plane second"] == f"{FRAMES} frames"
assert seen["fixed edges"].startswith("KeyError") and "edges" not in seen["fixed edges"]
assert seen["even times"].startswith("OSError")
assert "3-dimensional" in seen["plane first"]
PY
