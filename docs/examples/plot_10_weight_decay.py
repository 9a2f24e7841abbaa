"""
Weight decay and few knots
==========================

With weight decay the flow lowers the loss plus (lambda/2) times the mean of a² + b² + c². As lambda
becomes small, f tends to an interpolant of least path norm, and its knots gather in few places.
"""

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf

x = np.array([-1.0, -0.7, -0.3, 0.0, 0.4, 0.7, 1.0])
y = np.array([0.5, -0.3, 0.2, 0.6, -0.4, 0.1, 0.7])
samples, neurons = pf.Samples(x, y), pf.initialise("gaussian", 2000, scale=1.0, seed=0)
least = pf.theory.minimal_norm(x, y)

points = np.linspace(-1.2, 1.2, 500)
figure, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
for decay in (1e-1, 1e-2, 1e-3):
    sim = pf.Simulation(samples, neurons, decay=decay)
    sim.run(float("inf"))
    norm = np.mean(np.abs(sim.neurons.rhat))
    label = f"lambda = {decay:g}: {norm / least.path_norm:.3f} of the least path norm"
    ax.plot(points, sim.predict(points), label=label)
ax.plot(x, y, "o", color="black", label="samples")
ax.set(xlabel="$x$", ylabel="$f$", ylim=(-0.7, 1.6))
ax.legend()
plt.show()
