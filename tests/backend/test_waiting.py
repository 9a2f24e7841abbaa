"""How the kernels' threads wait: chosen before numba starts them, unless the user has chosen."""

import os
import subprocess
import sys

import numba
import pytest

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def shown(**own):
    """What OpenMP says of itself when it starts its threads."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", "import particleflow.backend as b; print(b.waiting_policy())"],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"} | own, text=True, capture_output=True,
        check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


@pytest.mark.slow
def test_threads_sleep_unless_the_user_has_chosen():
    numba.get_num_threads()
    if numba.threading_layer() != "omp":
        pytest.skip("the threads are not OpenMP's")
    out, err = shown()
    assert "asleep" in out
    # the policy is shown as passive also where none was chosen, and threads spin
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in err
    assert "GOMP_SPINCOUNT = '0'" in err
    out, err = shown(OMP_WAIT_POLICY="active")
    assert "OMP_WAIT_POLICY=active" in out
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in err
