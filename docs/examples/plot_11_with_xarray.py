"""
Reading with xarray
===================

A trajectory is a netCDF-4 file to xarray, as an export or as it is (extra ``xarray``).
"""

import matplotlib.pyplot as plt
import xarray as xr

import particleflow as pf

samples = pf.Samples.generate("sine", 12)
sim = pf.Simulation(samples, pf.initialise("reduced", 500, delta=-1.0, seed=0))
sim.writers.append(pf.TrajectoryWriter("run.h5", frames=101, overwrite=True))
sim.run(20.0)
pf.export("run.h5", "run.nc", overwrite=True)

figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 3.8), layout="constrained")
with xr.open_dataset("run.nc", engine="h5netcdf") as run:
    print(run)
    run.rhat.std("id").plot(ax=left)
    run.residual.plot(ax=right, x="observable_time")
left.set_ylabel(r"standard deviation of $\hat r$ over the neurons")
plt.show()
