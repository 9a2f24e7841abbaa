"""
A run on many ranks
===================

The neurons of one run are spread over the ranks of an MPI job: here two processes of this machine
(extras ``mpi``, and ``mpich`` from PyPI). The same script runs alone, to the same bits.
"""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import particleflow as pf

Path("job.py").write_text("""
import sys
import particleflow as pf

samples = pf.Samples.generate("sine", 10)
neurons = pf.Initialisation("reduced", 20_000, delta=-1.0, seed=0)  # each rank draws its own
sim = pf.Simulation(samples, neurons)
sim.writers.append(pf.TrajectoryWriter(sys.argv[1], frames=21, overwrite=True))
sim.run(100.0)
if sim.ranks.is_first:
    print("ranks:", sim.ranks.size, " loss:", sim.loss)
""")

mpiexec = Path(sys.executable).with_name("mpiexec")
for name, launcher in (("one.h5", []), ("two.h5", [mpiexec, "-n", "2"])):
    job = subprocess.run(
        [*launcher, sys.executable, "job.py", name], capture_output=True, text=True, check=True
    )
    print(job.stdout, end="")

figure, ax = plt.subplots(figsize=(7.0, 3.5), layout="constrained")
with pf.open_trajectory("one.h5") as one, pf.open_trajectory("two.h5") as two:
    print("same bits:", np.array_equal(one.position(-1), two.position(-1)))
    pf.figures.draw_function(ax, two)
plt.show()
