"""
An animation
============

``particleflow plot run.h5 --animate``, or `animate` in Python, makes a GIF of the overview.
"""

import base64
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import HTML

import particleflow as pf

samples = pf.Samples.generate("sine", 8)
sim = pf.Simulation(samples, pf.initialise("reduced", 300, delta=-1.0, seed=0))
sim.writers.append(
    pf.TrajectoryWriter("moving.h5", frames=31, spacing="geometric", first=0.1, overwrite=True)
)
sim.run(200.0)

figure, ax = plt.subplots(figsize=(5.0, 3.5), layout="constrained")
with pf.open_trajectory("moving.h5") as run:
    pf.figures.animate(run, "moving.gif", overwrite=True)
    pf.figures.draw_function(ax, run)
plt.show()

# %%
HTML(
    '<img alt="function, knots and neurons over time" src="data:image/gif;base64,'
    + base64.b64encode(Path("moving.gif").read_bytes()).decode()
    + '">'
)
