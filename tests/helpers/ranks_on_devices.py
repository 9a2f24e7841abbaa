"""Two ranks with a device each, in numba's simulator: ``mpiexec -n 2 python ranks_on_devices.py``.

Rank 0 prints how far residuals are from those of one process on the CPU, by run.
"""

import sys
from pathlib import Path

import numpy as np

import particleflow as pf
from particleflow.backend import devices
from particleflow.kernels.cpu import slots
from particleflow.kernels.cuda import _jit
from particleflow.ranks.world import ALONE, ranks_of

slots.NEURONS_A_SLOT, slots.SAMPLES = 8, 1
RUNS = {
    "boost": (pf.Boost(tolerance=1e-2), "network"),
    "gd": (pf.GradientDescent(0.02), "network"),
    "gd, euclidean": (pf.GradientDescent(0.02), "euclidean"),
    "rk": (pf.RungeKutta(tolerance=1e-2), "euclidean"),
}


def simulate(name, device, comm, path=None):
    """A simulation of 20 neurons, recorded if there is a path."""
    integrator, metric = RUNS[name]
    sim = pf.Simulation(
        pf.Samples.generate("square_wave", 3), pf.Initialisation("reduced", 20, delta=0.5, seed=1),
        integrator, metric=metric, device=device, comm=comm,
    )  # fmt: skip
    if path is not None:
        observables = ["loss", "crossings"]
        sim.writers.append(
            pf.TrajectoryWriter(path, frames=2, observables=observables, neurons=9,
                                observable_times=[0.0, 0.04],
                                checkpoint_every=np.inf, overwrite=True)
        )  # fmt: skip
    sim.run(0.04)
    return sim


def main():
    ranks, folder = ranks_of(), Path(sys.argv[1])
    used = []
    select, _jit.cuda.select_device = _jit.cuda.select_device, used.append
    for local, expected in ((0, 0), (1, 1), (2, 0), (5, 1)):
        gpus, _jit.cuda.gpus = _jit.cuda.gpus, [0, 1]
        devices._cuda_devices().use(local)
        _jit.cuda.gpus = gpus
        assert used.pop() == expected
    _jit.cuda.select_device = select
    for name in RUNS:
        one = simulate(name, "cpu", ALONE, folder / f"alone {ranks.rank}.h5")
        path = folder / f"{name}.h5"
        two = simulate(name, "cuda", ranks, path)
        assert two.state.variables.shape[1] == 10
        assert one.step == two.step
        away = [np.abs(one.residual - two.residual).max(),
                np.abs(one.neurons.c - two.neurons.c).max(),
                np.abs(one.predict([0.1, 0.2]) - two.predict([0.1, 0.2])).max()]  # fmt: skip
        assert one.state.all_crossings() == two.state.all_crossings()
        files = (folder / f"alone {ranks.rank}.h5", path)
        ranks.all_of(None)
        with pf.open_trajectory(files[0]) as alone, pf.open_trajectory(files[1]) as many:
            away.append(np.abs(alone.position(-1) - many.position(-1)).max())
            np.testing.assert_array_equal(alone.cell(-1), many.cell(-1))
        if name == "boost":
            run = pf.resume(path, until=0.06, comm=ranks)
            run.simulation.run(run.until)
        if ranks.is_first:
            print(f"{name}: {max(away):.1e}", flush=True)


if __name__ == "__main__":
    main()
