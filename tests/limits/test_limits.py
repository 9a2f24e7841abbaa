"""Limits of many neurons: their replicates, errors and verdicts, and the file that is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray as xr
from mpi_jobs import launch, needs_mpi
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow import figures
from particleflow.cli import limiting
from particleflow.limits import run, table
from particleflow.limits.assess import assess
from particleflow.limits.run import HAVE_LIMITS
from particleflow.limits.table import DONE, FAILED, Design
from particleflow.run.observables import BUILT_IN, is_scalar
from particleflow.sweeps.work import Result

CONFIG = """
[samples]
kind = "square_wave"
count = 6
[neurons]
delta = -1.0
seed = 5
[flow]
t_end = 0.5
tolerance = 1e-4
"""
SAMPLES = pf.Samples.generate("square_wave", 6)


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Enough for these tests: a process takes a second to begin."""
    monkeypatch.setattr("particleflow.limits.run.affinity", lambda: [0])


@pytest.fixture
def config(tmp_path):
    (tmp_path / "my config.toml").write_text(CONFIG)
    return tmp_path / "my config.toml"


@pytest.fixture
def limit(config, tmp_path):
    return pf.mean_field_limit(config, tmp_path / "l.h5", 2e-3, replicates=4, first=64, most=4096)


def replicate(m, seed, sampling, time=0.5):
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=seed, sampling=sampling)
    sim = pf.Simulation(SAMPLES, neurons, pf.Boost(1e-4))
    for at in np.linspace(0.0, time, 21)[1:]:
        sim.run(at)
    return sim


def test_means_and_errors_are_those_of_the_replicates(limit):
    m, row = limit.neurons, 4 * len(limit.levels)
    sims = [replicate(m, 5 + row + i, "quiet") for i in range(4)]
    f = np.array([sim.predict(limit.x) for sim in sims])
    assert_array_equal(limit.f[-1], f.mean(axis=0))
    assert_allclose(limit.f_error[-1], f.std(axis=0, ddof=1) / 2.0, rtol=1e-12)
    residual = np.array([sim.residual for sim in sims])
    assert_allclose(limit.residual[-1], residual.mean(axis=0), rtol=1e-12)
    mean, error = limit.observables["loss"]
    losses = np.array([sim.loss for sim in sims])
    assert_allclose(mean[-1], losses.mean(), rtol=1e-12)
    assert_allclose(error[-1], losses.std(ddof=1) / 2.0, rtol=1e-9)
    assert limit.is_reached
    assert 0.0 < limit.levels[-1].error <= 2e-3 < limit.levels[-2].error
    assert_allclose(limit.levels[-1].error, limit.f_error.max() / SAMPLES.spread, rtol=1e-12)
    neurons = [level.neurons for level in limit.levels]
    assert neurons == [64 * 2**n for n in range(len(neurons))]
    assert_allclose(limit.time, np.linspace(0.0, 0.5, 21))
    assert set(SAMPLES.x) <= set(limit.x.tolist())
    assert_array_equal(limit.x, np.union1d(np.linspace(-1.0, 1.0, 201), SAMPLES.x))
    assert_allclose(limit.levels[-1].errors["loss"], error.max() / mean.max(), rtol=1e-12)
    assert_allclose(limit.design.noise, 3e-4 * SAMPLES.spread)
    assert limit.is_consistent
    assert limit.verdict == "replicates agree with a limit of f"


def test_independent_neurons_stand_beside(limit):
    f = np.array([replicate(64, 5 + i, "random").predict(limit.x) for i in range(4)])
    assert_allclose(limit.f_deviation[-1], f.std(axis=0, ddof=1), rtol=1e-9)
    error = limit.f_deviation.max() / 2.0 / SAMPLES.spread
    assert_allclose(limit.independent, 64 * (error / 2e-3) ** 2, rtol=1e-9)
    assert limit.independent > 4 * limit.neurons


def test_other_tools_read_the_limit(limit):
    with h5py.File(limit.path) as file:
        assert_array_equal(file["limit/f"], limit.f)
        assert_array_equal(file["limit/f_error"], limit.f_error)
        assert_array_equal(file["limit/loss_error"], limit.observables["loss"][1])
        assert file["limit"].attrs["neurons"] == limit.neurons
        assert file["limit"].attrs["is_reached"] == 1
        assert file["limit"].attrs["verdict"].decode().strip() == limit.verdict
        assert file["limit/f"].dims[1][0].name == "/x"
        status, m = file["runs/status"][:], file["runs/m"][:]
        assert (status[m <= limit.neurons] == DONE).all()
        assert not status[m > limit.neurons].any()
        assert np.isnan(file["runs/f"][-1]).all()
    with xr.open_dataset(limit.path, engine="h5netcdf", group="limit") as found:
        assert found.f.dims == ("time", "x")
        assert found.residual_error.dims == ("time", "sample")
        assert_array_equal(found.loss_error, limit.observables["loss"][1])
    with xr.open_dataset(limit.path, engine="h5netcdf", group="runs") as found:
        assert found.cell_share.dims == ("run", "cell")
        assert found.events.dims == ("run", "event")
        last = found.f[found.m == limit.neurons].isel(run=slice(-4, None))
        assert_allclose(last.mean("run"), limit.f, rtol=0, atol=1e-12)


def test_it_goes_on_to_a_smaller_tolerance_and_where_it_was_interrupted(limit, config, tmp_path):
    finer = pf.mean_field_limit(config, limit.path, 1e-3, replicates=4, first=64, most=4096)
    assert finer.levels[: len(limit.levels)] == limit.levels
    assert finer.neurons > limit.neurons
    with h5py.File(limit.path, "r+") as file:
        row = 4 * len(finer.levels) + 2  # of the last level
        file["runs/status"][row] = 0
        file["runs/f"][row] = np.nan
    assert pf.open_limit(limit.path).neurons == finer.neurons // 2
    again = pf.mean_field_limit(config, limit.path, 1e-3, replicates=4, first=64, most=4096)
    assert_array_equal(again.f, finer.f)
    assert [level.error for level in again.levels] == [level.error for level in finer.levels]
    other = pf.mean_field_limit(config, tmp_path / "o.h5", 1e-3, replicates=4, first=64, most=4096)
    assert_array_equal(other.f, finer.f)
    assert_array_equal(other.residual_error, finer.residual_error)


def test_named_observables_have_to_reach_the_tolerance_too(config, tmp_path):
    found = pf.mean_field_limit(
        config, tmp_path / "l.h5", 0.005, observables=("slope_variation",), replicates=4, first=32,
        most=2048,
    )  # fmt: skip
    errors = [level.errors["slope_variation"] for level in found.levels]
    assert errors[-1] <= 0.005 < errors[-2]
    assert found.levels[-2].error <= 0.005  # f alone would have been enough
    assert set(found.observables) == {
        "loss", "dead_fraction", "sliding_fraction", "slope_variation",
    }  # fmt: skip


def test_a_tolerance_that_is_not_reached_keeps_what_was_found(call, config):
    args = ("limit", config, "-o", "l.h5", "--first", 32, "--most", 128, "--replicates", 3)
    code, out, err = call(*args, "--tolerance", 1e-6)
    assert code == 3
    begins = [line.split(":")[0] for line in out.splitlines()]
    assert begins == ["m = 32", "m = 64", "m = 128", "l.h5"]
    assert err.startswith("particleflow: l.h5: tolerance 1e-06 is not reached with 128 neurons, ")
    assert err.count("\n") == 1
    found = pf.open_limit("l.h5")
    assert not found.is_reached
    assert found.neurons == 128
    code, out, err = call(*args, "--tolerance", 1.0)  # reached long since
    assert (code, err) == (0, "")
    code, out, err = call(*args, "--tolerance", 1.0, "--quiet")
    assert (code, out, err) == (0, "", "")
    facts = json.loads(call("info", "l.h5", "--json")[1])
    assert (facts["kind"], facts["neurons"], facts["reached"]) == ("limit", 128, True)
    assert call("plot", "l.h5") == (0, "l.png\n", "")
    assert call("plot", "l.h5", "--frame", 1)[0] == 2
    with pytest.raises(pf.TrajectoryError, match="is the file of a limit, no trajectory"):
        pf.open_trajectory("l.h5")


@pytest.mark.parametrize(("settings", "message"), [
    (["--set", "flow.t_end=inf"], "flow.t_end: a limit needs an end that all replicates have"),
    (["--set", "neurons.alpha=3.0"], "neurons.alpha: 3.0 stays as neurons grow"),
    (["--set", "neurons.scale=2/sqrt(m)"], "neurons.scale: 2/sqrt(m) shrinks as neurons grow"),
    (["--set", "neurons.alpha=3.0", "--set", "neurons.scale=2/sqrt(m)"], "neurons.alpha: 3.0 st"),
    (["--set", "neurons.init=pytorch", "--set", "neurons.delta="], "neurons.alpha: 1.0 stays as"),
    (["--set", "neurons.seed=9223372036854775800"], "neurons.seed: expected at most"),
    (["--set", "flow.integrator=gd", "--set", "flow.learning_rate=0.1", "--set", "flow.epochs=9",
      "--set", "flow.t_end=", "--set", "flow.tolerance="], "flow.epochs: a limit needs its end"),
    (["--set", "neurons.init=grid", "--set", "neurons.delta="], '"grid" draws no neurons'),
    (["--observable", "steps"], "observable steps: is no number that has a limit"),
    (["--observable", "residual"], "observable residual: is no number that has a limit"),
    (["--observable", "los"], "expected some of loss"),
    (["--tolerance", "0"], "tolerance: expected a number above 0, found 0"),
    (["--tolerance", "nan"], "tolerance: expected a finite number, found nan"),
    (["--replicates", "2"], "replicates: expected at least 3, found 2"),
    (["--most", "64"], "most: expected at least 128, found 64"),
    (["--first", "1"], "first: expected at least 2, found 1"),
    (["--set", "neurons.antisymmetric=true", "--first", "33"], "an even count, found 33"),
    (["--workers", "0"], "workers: expected at least 1, found 0"),
    (["-o", "my config.toml"], "my config.toml is the configuration already"),
])  # fmt: skip
def test_what_cannot_be_is_one_line_and_writes_nothing(call, config, tmp_path, settings, message):
    before = sorted(tmp_path.iterdir())
    code, out, err = call("limit", config, "-o", "l.h5", "--first", 64, *settings)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_the_file_of_another_limit_is_left(limit, config):
    def again(**options):
        given = {"replicates": 4, "first": 64, "most": 4096} | options
        return pf.mean_field_limit(config, limit.path, 1e-2, **given)

    for options, name in (
        ({"replicates": 5}, r"replicates \(4 in the file, now 5\)"),
        ({"first": 32}, r"first \(64 in the file, now 32\)"),
        ({"overrides": ("flow.t_end=0.25",)}, "config"),
        ({"most": 2048}, r"most \(4096 in the file, now 2048\)"),
    ):  # fmt: skip
        with pytest.raises(pf.TrajectoryError, match=f"holds a limit with other {name}; --overw"):
            again(**options)
    assert again(overrides=("neurons.count=7", "output.frames=9")).levels == limit.levels
    assert again(replicates=3, overwrite=True).design.replicates == 3


def test_what_is_said_of_errors(limit):
    """An error that is large at one time only is told with that time."""
    text = repr(limit)
    assert text.startswith("Limit(")
    assert len(text) < 300
    assert limit.tolerance == limit.design.tolerance
    mean, error = np.ones(limit.time.size), np.full(limit.time.size, 1e-5)
    error[7] = 0.02
    levels = [limit.levels[-1]._replace(errors={"loss": 0.02})]
    jump = limit._replace(observables={"loss": (mean, error)}, levels=levels)
    said = limiting._error_of(jump, "loss")
    assert (
        said == f"loss 2.0e-02 (at tau = {limit.time[7]:.3g}; half of the times are below 1.0e-05)"
    )
    even = jump._replace(observables={"loss": (mean, np.full(limit.time.size, 0.02))})
    assert limiting._error_of(even, "loss") == "loss 2.0e-02"
    # errors of independent neurons fall like m^(-1/2): so many would have the error reached
    last = limit.levels[-1]
    needed = limit.independent * (limit.tolerance / last.error) ** 2
    sentence = limiting._sentences(limit)[1]
    assert sentence == (
        f"as many starts of independent neurons would need some {float(f'{needed:.0e}'):,.0f} each"
    )


@pytest.mark.parametrize("name", ["observables", "overrides"])
def test_a_text_is_no_list_of_texts(config, tmp_path, name):
    with pytest.raises(pf.ConfigError, match=f"{name}: expected a list of texts, found 'loss'"):
        pf.mean_field_limit(config, tmp_path / "l.h5", 1e-2, **{name: "loss"})


def test_files_that_are_no_limit(limit, tmp_path):
    with pytest.raises(pf.TrajectoryError, match=r"none\.h5: no such file"):
        pf.open_limit(tmp_path / "none.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = 1.0
    with pytest.raises(pf.TrajectoryError, match="is an HDF5 file but no limit"):
        pf.open_limit(tmp_path / "other.h5")
    newer = shutil.copy(limit.path, tmp_path / "newer.h5")
    with h5py.File(newer, "r+") as file:
        file.attrs["particleflow_limit"] = 99
    with pytest.raises(pf.TrajectoryError, match="has version 99, this one reads up to 1"):
        pf.open_limit(newer)
    damaged = shutil.copy(limit.path, tmp_path / "damaged.h5")
    with h5py.File(damaged, "r+") as file:
        del file["runs/f"]
    with pytest.raises(pf.TrajectoryError, match="damaged"):
        pf.open_limit(damaged)


def test_a_replicate_that_fails_is_carried_out_again(config, tmp_path, monkeypatch):
    options = {"replicates": 3, "first": 32, "most": 64}
    original = run.results_of

    def failing(base, tasks, n):
        yield Result(tasks[0].number, {}, "boost, step 3: made up", 0.1)
        yield from original(base, tasks[1:], n)

    monkeypatch.setattr(run, "results_of", failing)
    with pytest.raises(
        pf.IntegrationError, match=r"l\.h5: a replicate failed: boost, step 3: made"
    ):
        pf.mean_field_limit(config, tmp_path / "l.h5", 0.5, **options)
    assert table.read(tmp_path / "l.h5")[1]["status"].tolist() == [FAILED, *5 * [DONE], 0, 0, 0]
    found = pf.open_limit(tmp_path / "l.h5")
    assert (found.neurons, found.is_consistent, found.is_reached) == (32, None, False)
    assert found.problems == ["boost, step 3: made up"]
    assert np.isnan(found.independent)
    figures.plot_limit(found)
    with pytest.raises(pf.TrajectoryError, match="has no level that is done to draw"):
        figures.plot_limit(found._replace(levels=[]))
    monkeypatch.setattr(run, "results_of", original)
    found = pf.mean_field_limit(config, tmp_path / "l.h5", 0.5, **options)
    assert (found.is_reached, found.problems) == (True, [])
    assert_array_equal(
        found.f_deviation[-1],
        np.std([replicate(32, 5 + i, "random").predict(found.x) for i in range(3)], axis=0, ddof=1),
    )


DESIGN = Design(
    config="", tolerance=1e-3, named=(), observables=("loss",), replicates=40, first=100, most=800,
    seed=0, sampling="quiet", times=[0.0, 1.0], points=[0.0, 0.5, 1.0], spread=2.0, noise=1e-6,
    x=[0.0, 1.0], y=[0.0, 1.0], weights=[1.0, 1.0],
)  # fmt: skip


def made_up(deviation, shift=0.0, cells=9):
    """Columns of rows whose f has this deviation at a number of neurons, and whose mean moves."""
    random = np.random.default_rng(3)
    n = DESIGN.rows
    m = np.array([DESIGN.neurons_of(row) for row in range(n)])
    unit = random.standard_normal((n // DESIGN.replicates, DESIGN.replicates, 2, 3))
    unit = (unit - unit.mean(axis=1, keepdims=True)) / unit.std(axis=1, ddof=1, keepdims=True)
    share = np.full((n, cells), 1.0 / cells)
    share[:, 5] += random.normal(0.0, 0.1, n)
    return {
        "m": m, "status": np.full(n, DONE), "seconds": np.ones(n),
        "f": unit.reshape(n, 2, 3) * deviation(m)[:, None, None] + shift * m[:, None, None],
        "residual": np.zeros((n, 2, 2)), "loss": np.ones((n, 2)),
        "cell_share": share, "events": np.full((n, 3), 0.25),
    }  # fmt: skip


def test_more_neurons_go_on_with_what_there_is(config, tmp_path):
    options = {"replicates": 3, "first": 32}
    few = pf.mean_field_limit(config, tmp_path / "l.h5", 1e-9, most=64, **options)
    assert not few.is_reached
    more = pf.mean_field_limit(config, tmp_path / "l.h5", 1e-9, most=256, **options)
    assert more.levels[:2] == few.levels  # their seconds, too: they were not carried out again
    assert more.neurons == 256
    easy = pf.mean_field_limit(config, tmp_path / "l.h5", 10.0, most=256, **options)
    assert easy.is_reached
    with h5py.File(tmp_path / "l.h5") as file:  # though nothing was carried out
        assert file["limit"].attrs["is_reached"] == 1
        assert file["limit"].attrs["independent"] == easy.independent


def test_other_weights_are_another_limit(config, tmp_path):
    rows = ["x,y,w", "-1,0,1", "0,1,2", "1,0,1"]
    (tmp_path / "s.csv").write_text("\n".join(rows))
    overrides = ("samples.kind=", "samples.count=", "samples.file=s.csv", "samples.weights=w")
    options = {"replicates": 3, "first": 32, "most": 64, "overrides": overrides}
    found = pf.mean_field_limit(config, tmp_path / "l.h5", 10.0, **options)
    assert_array_equal(found.samples.weights, [1.0, 2.0, 1.0])
    (tmp_path / "s.csv").write_text("\n".join([*rows[:2], "0,1,3", rows[3]]))
    with pytest.raises(pf.TrajectoryError, match="holds a limit with other"):
        pf.mean_field_limit(config, tmp_path / "l.h5", 10.0, **options)


def test_replicates_whose_deviation_falls_agree_with_a_limit(tmp_path):
    found = assess(tmp_path, DESIGN, made_up(lambda m: 1.0 / m), [])
    assert found.is_consistent
    assert_allclose([level.error for level in found.levels],
                    [1.0 / (2.0 * np.sqrt(40) * 100 * 2**n) for n in range(4)])  # fmt: skip
    assert found.levels[-1].errors == {"loss": 0.0}


@pytest.mark.parametrize(("columns", "why"), [
    (made_up(lambda m: np.full(m.size, 0.1)), "the standard deviation of f stays at 0.1 as"),
    (made_up(lambda m: 1.0 / m, shift=1e-4), "means of the last two levels are 0.04 apart"),
])  # fmt: skip
def test_replicates_that_do_not_agree_are_said_to(tmp_path, columns, why):
    found = assess(tmp_path, DESIGN, columns, [])
    assert found.is_consistent is False
    assert why in found.verdict
    share = columns["cell_share"][-40:, 5]
    told = f"{share.mean():.3g} +- {share.std(ddof=1):.2g} of all"
    assert f"that slide on a ray of the sample at x = 1: {told}" in found.verdict
    assert "(0.25 met a repulsor, 0.25 came to the origin)" in found.verdict


def test_two_levels_cannot_say_whether_the_deviation_falls(tmp_path):
    columns = made_up(lambda m: m**-0.1)
    columns["status"][3 * 40 :] = 0
    found = assess(tmp_path, DESIGN, columns, [])
    assert len(found.levels) == 2
    assert found.is_consistent is None
    assert "more levels or replicates would say" in found.verdict


def test_an_error_that_is_no_number_is_not_small(tmp_path):
    columns = made_up(lambda m: 1e-9 / m)
    assert assess(tmp_path, DESIGN._replace(named=("loss",)), columns, []).is_reached
    columns["loss"][-1] = np.nan
    assert not assess(tmp_path, DESIGN._replace(named=("loss",)), columns, []).is_reached


def test_a_loss_of_zero_has_no_relative_error(tmp_path):
    columns = made_up(lambda m: 1.0 / m) | {"loss": np.zeros((DESIGN.rows, 2))}
    assert assess(tmp_path, DESIGN, columns, []).levels[0].errors == {"loss": 0.0}


def test_observables_with_a_limit_are_numbers():
    assert all(is_scalar(name) for name in HAVE_LIMITS)
    assert set(HAVE_LIMITS) <= set(BUILT_IN)


def test_random_replicates_on_request(config, tmp_path):
    found = pf.mean_field_limit(
        config, tmp_path / "l.h5", 0.5, replicates=3, first=32, most=64,
        overrides=("neurons.sampling=random",),
    )  # fmt: skip
    assert found.design.sampling == "random"
    f = np.array([replicate(64, 5 + 6 + i, "random").predict(found.x) for i in range(3)])
    assert_array_equal(found.f[-1], f.mean(axis=0))


@pytest.mark.slow
def test_an_interrupted_limit_keeps_what_it_has(config, tmp_path):
    out = tmp_path / "l.h5"
    command = [sys.executable, "-m", "particleflow", "limit", str(config), "-o", str(out),
               "--tolerance", "1e-9", "--set", "flow.t_end=20"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if out.exists() and len(pf.open_limit(out).levels) > 1:
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        f"particleflow: interrupted; {out} keeps what is done; the same command goes on"
    )
    assert len(pf.open_limit(out).levels) > 1


@pytest.mark.slow
@needs_mpi
def test_ranks_carry_out_a_limit(config, tmp_path, limit):
    command = ["-m", "particleflow", "limit", config, "-o", tmp_path / "ranks.h5", "--tolerance",
               1e-2, "--replicates", 4, "--first", 64, "--most", 4096]  # fmt: skip
    done = launch(3, *command)
    assert done.returncode == 0
    found = pf.open_limit(tmp_path / "ranks.h5")
    assert_array_equal(found.f, limit.f)
    assert_array_equal(found.f_error, limit.f_error)
    assert found.verdict == limit.verdict
