"""One whole run of `boost` in a process of its own: ``python whole_run.py CASE SHARE TIMES``.

Prints a line of JSON for each of TIMES runs of a case with a share of its neurons: the processor
time, the steps, those rejected, and their share of the time. It runs the particleflow that Python
finds, so that two builds can run in turns (``bench_whole_runs``).
"""

import json
import sys
import time

import numpy as np
from series import samples_of

import particleflow as pf
from particleflow.backend import threads_in_use

CASES = {
    "square wave, delta 1, 1e-3": ("square_wave", 10, 10**6, 1.0, 1e-3, 20.0),
    "square wave, delta -1, 1e-3": ("square_wave", 10, 10**6, -1.0, 1e-3, 20.0),
    "square wave, delta 1, 1e-4": ("square_wave", 10, 10**6, 1.0, 1e-4, 20.0),
    "square wave, delta -1, 1e-4": ("square_wave", 10, 10**6, -1.0, 1e-4, 20.0),
    "square wave, m = 1e7, 1e-3": ("square_wave", 10, 10**7, 1.0, 1e-3, 20.0),
    "sine, s = 20, gaussian, 1e-4": ("sine", 20, 10**6, None, 1e-4, 20.0),
    "sine, s = 100, delta 1, 1e-3": ("sine", 100, 10**6, 1.0, 1e-3, 5.0),
    "CO2, gaussian, 1e-3": (None, 2000, 10**6, None, 1e-3, 1.0),
}
"""Samples, neurons, delta (None: gaussian weights), tolerance, and the end of each run."""


def simulation_of(case, share):
    kind, s, m, delta, tolerance, until = CASES[case]
    m, samples = max(1, int(share * m)), samples_of(kind, s)
    if delta is None:
        neurons = pf.initialise("gaussian", m, seed=1)
    else:
        neurons = pf.initialise("reduced", m, delta=delta, seed=1)
    return pf.Simulation(samples, neurons, pf.Boost(tolerance), threads=1), until


def seconds_of_rejections(sim, until):
    """Processor time of a run trial by trial: of all trials, and of those that were rejected."""
    taken = {True: 0.0, False: 0.0}
    with threads_in_use(1):
        flow = sim._motion._flow
        while flow.end < until:
            rejected, begin = flow.rejected, time.process_time()
            flow.take_steps(np.inf, 1)
            taken[flow.rejected > rejected] += time.process_time() - begin
    return sum(taken.values()), taken[True]


def main(case, share, times):
    warm, until = simulation_of(case, min(share, 0.04))  # compiles what sorts and what does not
    warm.run(1e-6 * until)
    for _ in range(times):
        sim, until = simulation_of(case, share)
        begin = time.process_time()
        sim.run(until)
        seconds = time.process_time() - begin
        print(json.dumps({"seconds": seconds, "steps": sim.step, "rejected": sim.rejected}))
    total, rejections = seconds_of_rejections(*simulation_of(case, share))
    print(json.dumps({"share_of_rejections": rejections / total}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
