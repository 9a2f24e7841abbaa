"""What ranks time together: ``mpiexec -n 2 python bench/ranks_program.py WHAT ARGUMENTS``.

``step M S INTEGRATOR THREADS`` times steps of a simulation, and in them the exchange of sums, with
the wait for the other ranks; ``exchange S VALUES`` an exchange alone. Rank 0 prints a line of JSON.
"""

import json
import sys
import time

import numpy as np
from cases import square_wave

import particleflow as pf
from particleflow.backend import threads_in_use
from particleflow.backend.exchange import Exchange, is_ordered, share_of
from particleflow.kernels.host.sums import PAD
from particleflow.ranks.world import ranks_of

ROUNDS = 9
SECONDS = 0.3
"""About how long a round lasts."""


def peak_bytes():
    """Peak of the memory of this process."""
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))


class Stopwatch:
    """An exchange that is timed."""

    def __init__(self, add):
        self._add, self.seconds = add, 0.0

    def __call__(self, acc):
        begin = time.perf_counter()
        self._add(acc)
        self.seconds += time.perf_counter() - begin


def stepper(sim):
    """A function that takes n steps; those of `boost` are of one length."""
    if sim.integrator.name == "gd":
        return lambda n: sim.state.gradient_descent(sim.integrator.step, n)
    return lambda n: sim._motion._flow.take_steps(1e9, n)


def simulation(ranks, m, s, name, threads):
    integrator = pf.GradientDescent(1e-4 / s) if name == "gd" else pf.Boost(step=1e-2 / s)
    neurons = pf.Initialisation("reduced", m, delta=-1.0, seed=0)
    return pf.Simulation(square_wave(s), neurons, integrator, threads=threads, comm=ranks)


def rounds_of(ranks, call, watch=None):
    """Median seconds of a call, and the median share of it that the watch has run."""
    call(2)
    begin = time.perf_counter()
    call(2)
    n = ranks.first_of(max(1, round(SECONDS / (time.perf_counter() - begin) * 2)))
    seconds, shares = [], []
    for _ in range(ROUNDS):
        ranks.all_of(None)
        before = 0.0 if watch is None else watch.seconds
        begin = time.perf_counter()
        call(n)
        elapsed = time.perf_counter() - begin
        seconds.append(elapsed / n)
        if watch is not None:
            shares.append((watch.seconds - before) / elapsed)
    return float(np.median(seconds)), float(np.median(shares)) if shares else 0.0


def step(ranks, m, s, name, threads):
    """Seconds of a step, the exchange's share, and a rank's bytes for each neuron of its share."""
    stepper(simulation(ranks, max(2**15, 32 * s), s, name, threads))(1)  # compiled
    before = peak_bytes()
    sim = simulation(ranks, m, s, name, threads)
    own = sim.state.share.last - sim.state.share.first
    watch = None
    if ranks.size > 1:
        watch = Stopwatch(sim.state.whole.add)
        sim.state.whole = sim.state.whole._replace(add=watch)
    with threads_in_use(threads):
        seconds, share = rounds_of(ranks, stepper(sim), watch)
    peak = max(ranks.all_of((peak_bytes() - before) / own))
    return {"seconds": seconds, "share_of_exchange": share, "bytes_a_neuron": peak}


def exchange(ranks, s, values):
    """Seconds of an exchange of sums that are there, on ranks that all wait for it."""
    rows = share_of(10**7, s, ranks.rank, ranks.size)
    add = Exchange(ranks, np.arange(ranks.size + 1), is_ordered(s))
    acc = np.zeros((1, 2 * s + PAD, values))
    seconds, _ = rounds_of(ranks, lambda n: [add(acc) for _ in range(n)])
    return {"seconds": seconds, "bytes": acc.nbytes, "rows": int(rows.edges[-1])}


def main():
    ranks, (what, *arguments) = ranks_of(), sys.argv[1:]
    if what == "step":
        m, s, name, threads = arguments
        found = step(ranks, int(m), int(s), name, int(threads))
    else:
        found = exchange(ranks, *(int(argument) for argument in arguments))
    if ranks.is_first:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
