"""The picture of the README and of the first page: a fit, and the paths of its knots."""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("sine", 12)
sim = pf.Simulation(samples, pf.initialise("reduced", 400, delta=-1.0, seed=0))
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=201, spacing="geometric", first=1e-2))
    sim.run(1000.0)
    with pf.open_trajectory(path) as trajectory:
        pf.figures.draw_function(axes[0], trajectory)
        pf.figures.draw_knots(axes[1], trajectory)
if len(sys.argv) > 1:  # python docs/pictures/front.py NAME.png
    figure.savefig(sys.argv[1], dpi=110)
