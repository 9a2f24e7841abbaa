"""How the kernels' threads wait for work, chosen before numba starts them.

By default threads of OpenMP that wait for work spin for a while, on processors that other processes
may need: beside two busy processes a run of small kernels then takes several times as long and
twice the processor time. Threads that sleep instead cost some microseconds when they are woken.
"""

import os

_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_chosen = next((name for name in _VARIABLES if name in os.environ), None)
if _chosen is None:
    os.environ["OMP_WAIT_POLICY"] = "passive"


def policy() -> str:
    """A phrase that says how threads wait, and whether the environment or particleflow chose so."""
    if _chosen is None:
        return "asleep (OMP_WAIT_POLICY=passive, chosen by particleflow)"
    return f"as {_chosen}={os.environ.get(_chosen, '')} says"
