#!/usr/bin/env bash
# h5py 3.12.1 with HDF5 1.14.4: one file, opened twice by one process.
# Guess: with locking=False a process may open a file for writing that it reads, as two processes may; locking is a matter between processes.
# Seen: reading first, writing is refused ('already open for read-only'); writing first, reading works, but only with the same locking ('file locking flag values don't match').
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.12.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import h5py

with h5py.File("a.h5", "w") as file:
    file["x"] = [1.0]


def second(first, mode, **options):
    """What the second opening says, after one in another mode."""
    with h5py.File("a.h5", first, locking=False):
        try:
            h5py.File("a.h5", mode, **options).close()
        except OSError as problem:
            return str(problem)
    return "opened"


print(f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}")
for first, mode, options, expected in (
    ("r", "r+", {"locking": False}, "already open for read-only"),
    ("r+", "r", {"locking": False}, "opened"),
    ("r+", "r", {}, "locking flag values don't match"),
):
    said = second(first, mode, **options)
    print(f"open as {first}, then as {mode} {options}: {said}")
    assert expected in said, said
PY
