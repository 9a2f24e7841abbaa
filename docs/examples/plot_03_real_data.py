"""
Real data
=========

Head acceleration in simulated motorcycle accidents: times that repeat, noise, no even spacing. The
file is read as it is; x is mapped to [-1, 1] for the network and back for everything that is shown.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf


def in_repository(name):
    """The path of a file of the repository, from wherever inside it this runs."""
    return next(p / name for p in (Path.cwd(), *Path.cwd().parents) if (p / name).exists())


samples = pf.Samples.from_file(in_repository("data/motorcycle.csv")).normalised()
figure, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
ax.plot(samples.rows.x, samples.rows.y, ".", color="grey", label="measurements")
x = np.linspace(samples.x[0], samples.x[-1], 1000)
sim = pf.Simulation(samples, pf.initialise("reduced", 2000, delta=-1.0, seed=0))
for until in (0.01, 0.1, 100.0):
    sim.run(until)
    ax.plot(x, sim.predict(x), label=rf"$f$ at $\tau = {until:g}$")
ax.set(xlabel="time (ms)", ylabel="acceleration (g)")
ax.legend()
plt.show()
