"""
The tangent kernel over training
================================

Residuals obey rho' = -H rho with the tangent kernel H. Its spectrum, and how far it has turned from
the start, say which modes are learned when, and how lazy the network is.
"""

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("sine", 10)
sim = pf.Simulation(samples, pf.initialise("reduced", 1000, delta=-10.0, seed=0))
sim.writers.append(
    pf.TrajectoryWriter(
        "kernel.h5", frames=101, spacing="geometric", first=1e-2, overwrite=True,
        observables=["loss", "residual", "kernel_spectrum", "kernel_distance"],
    )
)  # fmt: skip
sim.run(1000.0)

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.6), layout="constrained")
with pf.open_trajectory("kernel.h5") as run:
    pf.figures.draw_spectrum(axes[0], run)
    pf.figures.draw_modes(axes[1], run)
    axes[2].semilogx(*run.observable("kernel_distance"))
    axes[2].set(xlabel=r"mean-field time $\tau$", ylabel="kernel distance")
plt.show()
