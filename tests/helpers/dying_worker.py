"""A worker of sweeps that some runs kill, as a lack of memory would: ``DEADLY`` are their numbers.

With ``DEADLY=all`` it does not even begin.
"""

import os
import signal
import sys

from particleflow.sweeps import work, worker

DEADLY = os.environ["DEADLY"]
carry_out = work.carry_out


def die_or_carry_out(base, task):
    if str(task.number) in DEADLY.split(","):
        os.kill(os.getpid(), signal.SIGKILL)
    return carry_out(base, task)


if DEADLY == "all":
    sys.exit(7)
work.carry_out = die_or_carry_out
worker.main()
