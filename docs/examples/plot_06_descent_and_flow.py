"""
Gradient descent and its flow
=============================

Gradient descent with a large learning rate leaves the flow of which it is a discretisation. The
edge of stability is 2 over the sharpness, the largest eigenvalue of the Hessian.
"""

import matplotlib.pyplot as plt

import particleflow as pf

samples = pf.Samples.generate("step", 10)
neurons = pf.initialise("reduced", 500, delta=0.0, scale=2.0, seed=0)
figure, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
largest = pf.Simulation(samples, neurons).hessian.largest()
print("gradient descent is stable below a step of", 2.0 / largest)
for name, integrator in {
    "gradient flow": pf.Boost(1e-6),
    "gradient descent, step 0.01": pf.GradientDescent(0.01),
    "gradient descent, step 0.2": pf.GradientDescent(0.2),
}.items():
    path = f"{name.replace(' ', '_')}.h5"
    sim = pf.Simulation(samples, neurons, integrator)
    sim.writers.append(
        pf.TrajectoryWriter(path, frames=61, spacing="geometric", first=0.2, overwrite=True)
    )
    sim.run(1000.0)
    with pf.open_trajectory(path) as run:
        ax.loglog(*run.observable("loss"), label=name)
ax.set(xlabel=r"mean-field time $\tau$", ylabel="loss")
ax.legend()
plt.show()
