"""
A page with a slider
====================

`pf.view` makes a page in which time can be moved, neurons pointed at and knots followed. A notebook
shows it; ``particleflow view run.h5`` writes it into one HTML file, which works without a network.
"""

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("sine", 10)
sim = pf.Simulation(samples, pf.initialise("reduced", 300, delta=-1.0, seed=0))
sim.writers.append(
    pf.TrajectoryWriter("page.h5", frames=101, spacing="geometric", first=0.05, overwrite=True)
)
sim.run(500.0)

figure, ax = plt.subplots(figsize=(6.0, 3.5), layout="constrained")
with pf.open_trajectory("page.h5") as run:
    pf.figures.draw_knots(ax, run)
plt.show()

# %%
pf.view("page.h5")
