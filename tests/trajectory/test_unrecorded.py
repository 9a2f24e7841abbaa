"""What was never recorded is no number for any reader."""

import h5py
import numpy as np
import pytest

import particleflow as pf
from particleflow.trajectory import parts


class Stop(Exception):
    pass


def stopped_run(path, **options):
    """A run that fails half-way; its writer closes the file as it is."""

    def stop(sim):
        if sim.time > 0.5:
            raise Stop

    samples = pf.Samples.generate("sine", 6)
    sim = pf.Simulation(samples, pf.initialise("reduced", 30, seed=1), pf.GradientDescent(1e-2))
    sim.writers.append(pf.TrajectoryWriter(path, frames=11, **options))
    sim.observables.add("every_third", lambda sim: [sim.time, 1.0], every=3)
    with pytest.raises(Stop):
        sim.run(1.0, progress=stop)
    return path


@pytest.mark.parametrize("fills", [True, False])
def test_times_and_values_are_nan_until_recorded(tmp_path, monkeypatch, fills):
    if not fills:
        monkeypatch.setattr(parts, "MOST_FILLED", 0)
    path = stopped_run(tmp_path / "run.h5", observables=("loss", "residual", "steps"))
    with h5py.File(path, "r") as file:
        frames, observed = file["parameters/progress"][:]
        assert 0 < frames < 11
        group = file["particles/neurons"]
        assert np.isnan(group["position/time"][frames:]).all()
        assert (group["position/step"][frames:] == -1).all()
        for name in ("loss", "residual"):
            assert np.isnan(file[f"observables/{name}/value"][observed:]).all()
        assert np.isnan(file["observables/time"][observed:]).all()
        assert (file["observables/steps/value"][observed:] == -1).all()
        users = file["observables/user/every_third"]
        done = -(-observed // 3)
        assert np.isfinite(users["value"][:done]).all()
        assert np.isnan(users["value"][done:]).all()
        assert np.isnan(users["time"][done:]).all()
        assert np.isnan(group["position/value"][frames:]).all() == fills
        assert (group["cell/value"][frames:] == -1).all() == fills
        assert np.isfinite(group["position/value"][:frames]).all()


def test_xarray_passes_over_what_was_not_recorded(tmp_path):
    xarray = pytest.importorskip("xarray")
    path = stopped_run(tmp_path / "run.h5")
    with xarray.open_dataset(path, engine="h5netcdf", group="observables/loss") as loss:
        seen = float(loss.value.mean()), float(loss.value.min())
    with pf.open_trajectory(path) as trajectory:
        assert seen == (
            pytest.approx(trajectory.loss.mean()), pytest.approx(trajectory.loss.min())
        )  # fmt: skip


def test_virtual_datasets_show_nan_for_a_missing_part(tmp_path):
    shown = parts.Parts(tmp_path / "a.h5", "0" * 12, np.array([0, 2, 3]), "a.h5.parts")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("particles/neurons")
        group.create_group("position")
        group.create_group("cell")
        shown.show_rows(group, 4, np.dtype(np.float32), ["delta"])
        assert np.isnan(group["position/value"][:]).all()
        assert (group["cell/value"][:] == -1).all()
        assert np.isnan(group["delta"][:]).all()


def test_rows_are_written_together_and_in_order(tmp_path):
    """Many observable times between two flushes, and one after the other: the same file."""
    from particleflow.trajectory import recording

    found = []
    for seconds in (0.0, 60.0):
        recording.FLUSH_SECONDS, before = seconds, recording.FLUSH_SECONDS
        try:
            path = tmp_path / f"{seconds}.h5"
            sim = pf.Simulation(
                pf.Samples.generate("sine", 6), pf.initialise("reduced", 30, seed=1)
            )
            sim.writers.append(pf.TrajectoryWriter(path, frames=31))
            sim.run(2.0)
        finally:
            recording.FLUSH_SECONDS = before
        with pf.open_trajectory(path) as trajectory:
            assert trajectory.is_complete
            found.append(
                [trajectory.position(slice(None)), trajectory.cell(slice(None)),
                 trajectory.residual, trajectory.loss, trajectory.observable("dead_fraction")[1]]
            )  # fmt: skip
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
