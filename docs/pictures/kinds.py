"""The panels of most kinds of pictures, of one run."""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("sine", 8)
sim = pf.Simulation(samples, pf.initialise("reduced", 1000, delta=-1.0, seed=0))
figure, axes = plt.subplots(3, 3, figsize=(13.0, 11.0), layout="constrained")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=101, spacing="geometric", first=1e-2))
    sim.run(100.0)
    with pf.open_trajectory(path) as trajectory:
        for ax, draw in zip(
            axes.ravel(),
            (
                pf.figures.draw_function, pf.figures.draw_uv, pf.figures.draw_cylinder,
                pf.figures.draw_knots, pf.figures.draw_modes, pf.figures.draw_spectrum,
                pf.figures.draw_interpolants, pf.figures.draw_curvature, pf.figures.draw_density,
            ),
            strict=True,
        ):  # fmt: skip
            draw(ax, trajectory)
plt.show()
