"""
Lazy against adaptive
=====================

Two networks with the same samples, but another balance delta of the layers. Where the first layer
is the smaller one (delta above 0) and the start is small, knots travel, and f becomes piecewise
linear with few knots. Where it dominates (delta far below 0) neurons hardly turn, and f is smooth:
near a cubic spline.
"""

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf

samples = pf.Samples.generate("sine", 8)
x = np.linspace(-1.1, 1.1, 400)
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained", sharey=True)
starts = {"lazy": (-1000.0, 1.0), "adaptive": (10.0, 0.1)}
for ax, (title, (delta, scale)) in zip(axes, starts.items(), strict=True):
    neurons = pf.initialise("reduced", 1000, delta=delta, scale=scale, seed=1, antisymmetric=True)
    sim = pf.Simulation(samples, neurons)
    sim.run(float("inf"))  # until the loss has settled
    moved = np.abs(neurons.knots - sim.neurons.knots)
    ax.plot(x, sim.predict(x), label="$f$ at the end")
    ax.plot(x, pf.theory.natural_spline(samples.x, samples.y)(x), "--", label="cubic spline")
    ax.plot(samples.x, samples.y, "o", color="black", label="samples")
    ax.set(title=f"{title}: delta = {delta:g}", xlabel="$x$", ylim=(-2.0, 2.0))
    print(f"{title}: half of the knots have moved by less than {np.median(moved):.2g}")
axes[0].legend()
plt.show()
