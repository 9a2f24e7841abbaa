"""A process that carries out runs: it reads a line of JSON for each task and prints one a result.

`workers` starts it by ``python -m particleflow.sweeps.worker``. Its first line names the module of
the work, as `work` is one, and holds what the ``Base`` of that module is made of.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time

from particleflow.ranks.world import ALONE, use

from .work import Task

_LOOK_SECONDS = 0.2


def main() -> None:
    """Read what all tasks have in common, then carry out tasks until the input ends."""
    # Ctrl-C in a terminal reaches this process, too; but the parent decides when to end it
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    use(ALONE)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints shall not get between the results
    module, fields = json.loads(sys.stdin.readline())
    work = importlib.import_module(module)
    base = work.Base(*fields)
    try:
        for line in sys.stdin:
            print(
                json.dumps(work.carry_out(base, Task(*json.loads(line)))), file=results, flush=True
            )
    except BrokenPipeError:  # the parent has ended
        os._exit(0)


def _end_with(parent: int) -> None:
    """End this process soon after its parent has ended, in the middle of a run too."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
