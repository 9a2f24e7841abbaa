"""One whole run of `boost` in a process of its own: ``python whole_run.py CASE SHARE``.

Prints a line of JSON for a run of a case with a share of its neurons, trial by trial: the steps,
those rejected, the processor time, and what share of it the rejected ones take. It runs the
particleflow that Python finds, so that two builds can run in turns (``bench_whole_runs``).
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


def main(case, share):
    warm, until = simulation_of(case, min(share, 0.04))  # compiles what sorts and what does not
    warm.run(1e-6 * until)
    sim, until = simulation_of(case, share)
    flow, rejections, begin = sim._motion._flow, 0.0, time.process_time()
    with threads_in_use(1):
        while flow.end < until:
            rejected, before = flow.rejected, time.process_time()
            flow.take_steps(np.inf, 1)
            if flow.rejected > rejected:
                rejections += time.process_time() - before
    seconds = time.process_time() - begin
    found = {"steps": sim.step, "rejected": sim.rejected, "seconds": seconds}
    print(json.dumps({**found, "share_of_rejections": rejections / seconds}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
