"""The kernels for CUDA in numba's simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

pytestmark = pytest.mark.cuda

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.mark.slow
def test_every_kernel_in_the_simulator():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "simulated_cuda.py"],
        check=False, cwd=HELPERS, env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "28 passed" in done.stdout
    assert "skipped" not in done.stdout
