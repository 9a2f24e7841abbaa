"""
Knots that stick
================

Samples attract knots and hold them (Williams et al. 2019, Lemma 1): a knot that arrives slides, and
stays exactly at the sample until the residuals let it go. The lower panel has the share of the
neurons that slide.
"""

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("square_wave", 10)
sim = pf.Simulation(samples, pf.initialise("reduced", 1000, delta=1.0, seed=0))
sim.writers.append(
    pf.TrajectoryWriter(
        "knots.h5", frames=201, spacing="geometric", first=1e-2, overwrite=True,
        observables=["loss", "residual", "sliding_fraction"],
    )
)  # fmt: skip
sim.run(100.0)

figure, (upper, lower) = plt.subplots(
    2, 1, figsize=(7.0, 6.0), layout="constrained", height_ratios=(3, 1)
)
with pf.open_trajectory("knots.h5") as run:
    pf.figures.draw_knots(upper, run)
    lower.semilogx(*run.observable("sliding_fraction"))
    lower.set(xlabel=r"mean-field time $\tau$", ylabel="share that slides", ylim=(0.0, 1.0))
plt.show()
