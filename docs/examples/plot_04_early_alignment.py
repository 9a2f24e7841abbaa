"""
Early alignment
===============

From a very small start neurons first turn, and grow only later. As long as f is small, the
direction in which neurons with c > 0 gather is a maximum of a function of theta alone, which
`extremal_directions` finds (E. Boursier and N. Flammarion, 2024).
"""

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf

samples = pf.Samples([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8])
neurons = pf.initialise("balanced", 500, scale=1e-3, seed=0)
sim = pf.Simulation(samples, neurons)
sim.writers.append(
    pf.TrajectoryWriter("alignment.h5", frames=201, spacing="geometric", first=1e-2, overwrite=True)
)
sim.run(200.0)

figure, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
with pf.open_trajectory("alignment.h5") as run:
    rhat, theta = np.moveaxis(run.position(slice(None), slice(None)), -1, 0)
    moves = np.abs(rhat[-1]) > 10.0 * np.abs(rhat[0])
    print(f"{moves.sum()} of {moves.size} neurons grow, the others die early")
    ax.semilogx(run.time[1:], theta[1:, moves], color="tab:blue", lw=0.3)
for angle in pf.theory.extremal_directions(samples.x, -samples.y, 1):
    ax.axhline(angle, color="black", ls="--", label="extremal direction for $c > 0$")
ax.set(xlabel=r"mean-field time $\tau$", ylabel=r"angle $\theta$")
ax.legend()
plt.show()
