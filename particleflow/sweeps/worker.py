"""A process that carries out runs: a line of JSON for each task in, one for each result out.

``python -m particleflow.sweeps.worker``; `workers` starts it. The first line is the base.
"""

import json
import os
import signal
import sys

from particleflow.parallel import ALONE, use

from .work import Base, Task, carry_out


def main() -> None:
    """Read the base of the sweep, then tasks until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are the parent's, who ends this process
        signal.signal(number, signal.SIG_IGN)
    use(ALONE)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints shall not get between the results
    base = Base(*json.loads(sys.stdin.readline()))
    try:
        for line in sys.stdin:
            print(json.dumps(carry_out(base, Task(*json.loads(line)))), file=results, flush=True)
    except BrokenPipeError:  # the parent has ended
        os._exit(0)


if __name__ == "__main__":
    main()
