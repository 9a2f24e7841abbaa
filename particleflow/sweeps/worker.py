"""A process that carries out runs: tasks come on its input, results go to its output, pickled.

``python -m particleflow.sweeps.worker``; `workers` starts it.
"""

import os
import pickle
import signal
import sys

from particleflow.parallel import ALONE, use

from .work import carry_out


def main() -> None:
    """Read the base of the sweep, then tasks until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are the parent's, who ends this process
        signal.signal(number, signal.SIG_IGN)
    use(ALONE)
    tasks, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints shall not get between the results
    base = pickle.load(tasks)
    while True:
        try:
            task = pickle.load(tasks)
            pickle.dump(carry_out(base, task), results)
            results.flush()
        except (EOFError, BrokenPipeError):  # the parent has ended
            os._exit(0)


if __name__ == "__main__":
    main()
