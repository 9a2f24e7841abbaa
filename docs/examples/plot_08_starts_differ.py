"""
How far starts differ
=====================

f from twenty independent starts, and from twenty quiet ones of as many neurons: bands from the
lowest to the highest, around the median.
"""

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf

samples = pf.Samples.generate("square_wave", 8)
x = np.linspace(-1.2, 1.2, 300)
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained", sharey=True)
for ax, sampling in zip(axes, ("random", "quiet"), strict=True):
    found = []
    for seed in range(20):
        neurons = pf.initialise("reduced", 100, delta=-1.0, seed=seed, sampling=sampling)
        sim = pf.Simulation(samples, neurons)
        sim.run(20.0)
        found.append(sim.predict(x))
    ax.fill_between(x, np.min(found, axis=0), np.max(found, axis=0), alpha=0.4, label="all starts")
    ax.plot(x, np.median(found, axis=0), label="median")
    ax.plot(samples.x, samples.y, "o", color="black", label="samples")
    ax.set(title=f'sampling = "{sampling}"', xlabel="$x$")
axes[0].legend()
plt.show()
