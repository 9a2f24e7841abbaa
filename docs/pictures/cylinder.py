"""A network's function, and its neurons on the cylinder and in the uv-plane."""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("sine", 8)
sim = pf.Simulation(samples, pf.initialise("reduced", 200, delta=-1.0, scale=2.0, seed=3))
figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.4), layout="constrained")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=41))
    sim.run(200.0)
    with pf.open_trajectory(path) as trajectory:
        pf.figures.draw_function(axes[0], trajectory)
        pf.figures.draw_cylinder(axes[1], trajectory)
        pf.figures.draw_uv(axes[2], trajectory)
plt.show()
