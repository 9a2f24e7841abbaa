"""Jobs of several ranks, started by the mpiexec of this environment or of the system."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OWN = Path(sys.executable).with_name("mpiexec")
LAUNCHER = OWN if OWN.exists() else shutil.which("mpiexec")
needs_mpi = pytest.mark.skipif(
    LAUNCHER is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpi4py and mpiexec",
)


FEW_CORES = {"OMP_WAIT_POLICY": "passive", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}


def launch(n, *command, timeout=600, **environment):
    """A job of n ranks."""
    return subprocess.run(
        [LAUNCHER, "-n", str(n), sys.executable, *map(str, command)], capture_output=True,
        text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | FEW_CORES | environment,
    )  # fmt: skip
