"""Execute notebooks, two at a time: ``python tests/helpers/run_notebooks.py NAME.ipynb ...``.

Each runs in a kernel of its own with a folder of its own, in which the data of the repository are.
The exit code is 1 if one of them fails.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 300


def run(path):
    """What is wrong with a notebook, or None; print how long it took."""
    begin = time.perf_counter()
    problem = None
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").symlink_to(ROOT / "data")
        client = nbclient.NotebookClient(
            notebook, timeout=MOST_SECONDS, resources={"metadata": {"path": folder}}
        )
        try:
            client.execute()
        except nbclient.exceptions.CellExecutionError as error:
            problem = str(error)
    shown = any(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    if problem is None and not shown:
        problem = "shows no picture"
    said = "" if problem is None else f", {problem}"
    print(f"{path.name}: {time.perf_counter() - begin:.1f} s{said}", flush=True)
    return problem


if __name__ == "__main__":
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # two notebooks share two processors
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    paths = [Path(name).resolve() for name in sys.argv[1:]]
    assert paths, "no notebooks were named"
    with ThreadPoolExecutor(2) as pool:
        problems = [problem for problem in pool.map(run, paths) if problem]
    sys.exit(bool(problems))
