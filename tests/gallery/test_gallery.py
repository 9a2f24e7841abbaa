"""The appendix's figures: their claims, as the thresholds in their recipes have them, and files."""

import tomllib

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow import gallery
from particleflow.cli import cli
from particleflow.gallery import Claim, measures, regimes
from particleflow.gallery.make import recipe
from particleflow.gallery.scalings import Scalings, predicted_exponent
from particleflow.run import diagnostics


@pytest.mark.slow
@pytest.mark.parametrize("name", [*gallery.USUAL, "alignment", "min_norm", "shevchenko", "edge"])
def test_claims_hold_or_fail_for_a_reason_that_is_stated(name, tmp_path):
    folder = tmp_path / "a folder"
    verdicts = gallery.make(name, folder)
    tables = tomllib.loads(recipe(name))
    assert len(verdicts) == len(tables["claims"]) > 1
    for verdict in verdicts:
        assert verdict.holds == (not verdict.claim.reason), str(verdict)
    runs = [f"{name}-{run}.h5" for run in tables.get("runs", {})] or [f"{name}.h5"]
    made = {path.name for path in folder.iterdir() if path.suffix != ".csv"}
    made -= {"fig6-rescaled.npz"}
    assert made == {f"{name}.{ending}" for ending in ("png", "pdf", "toml", "txt")} | set(runs)
    assert (folder / f"{name}.png").stat().st_size > 10_000
    said = (folder / f"{name}.txt").read_text()
    assert all(str(verdict) in said for verdict in verdicts)
    if name != "regimes":
        with pf.open_trajectory(folder / runs[0]) as trajectory:
            assert trajectory.is_complete
    with pytest.raises(pf.TrajectoryError, match=r"exists already \(--overwrite replaces it\)"):
        gallery.make(name, folder)


def test_alignment_of_fewer_neurons(tmp_path):
    """The line of least squares of three samples, as a published script found it."""

    def smaller(tables):
        tables["neurons"]["count"] = 600
        tables["output"]["frames"] = 41

    verdicts = gallery.make("alignment", tmp_path, changes=smaller)
    assert (tmp_path / "alignment-forty.csv").read_text().startswith("x,y\n-0.9945,")
    with pf.open_trajectory(tmp_path / "alignment-three-balanced.h5") as run:
        f = run.residual[-1] + run.samples.y
        assert_allclose(f, [0.68974, 0.67436, 0.63590], atol=1e-5)
        assert np.mean(run.residual[-1] ** 2) == pytest.approx(1.750427e-01, rel=1e-6)
        assert measures.early_phase(run) > 5
    found = {verdict.claim.measure: verdict for verdict in verdicts}
    assert found["three-dominated.to_line"].holds
    assert found["three-dominated.aligned"].holds
    assert found["forty-dominated.aligned"].holds
    with pytest.raises(pf.TrajectoryError, match="exists already"):
        gallery.make("alignment", tmp_path)


def test_the_least_norm_of_fewer_neurons(tmp_path):
    def smaller(tables):
        tables["neurons"]["count"] = 2000
        tables["output"]["frames"] = 9

    verdicts = gallery.make("min_norm", tmp_path, changes=smaller)
    assert all(verdict.holds for verdict in verdicts), verdicts
    assert (tmp_path / "min_norm.png").stat().st_size > 10_000


def test_the_edge_of_stability_in_fewer_epochs(tmp_path):
    def shorter(tables):
        tables["flow"]["epochs"] = 20_000
        tables["output"]["frames"] = 9

    verdicts = gallery.make("edge", tmp_path, changes=shorter)
    found = {verdict.claim.measure: verdict for verdict in verdicts}
    assert found["largest.first"].holds
    assert 0.9 < found["largest.sharpness"].value < 1.1
    assert found["largest.variation"].holds
    # the smallest rate has not come so far
    assert not found["smallest.sharpness"].holds


def test_scalings_of_fewer_neurons(tmp_path):
    def smaller(tables):
        tables["grid"] |= {"counts": [30, 300, 3000], "seeds": 2, "p": [0.5, 1.0], "q": [0.0, 1.0]}

    gallery.make("scalings", tmp_path, changes=smaller)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {f"scalings.{ending}" for ending in ("png", "pdf", "toml", "txt", "npz")}
    with np.load(tmp_path / "scalings.npz") as found:
        distance = found["kernel_distance"]
    assert distance.shape == (2, 2, 2, 3, 2)
    exponents = Scalings(*[None] * 2, np.array([30, 300, 3000]), distance, *[None] * 2).exponents()
    by_hand = np.polyfit(np.log([30, 300, 3000]), np.log(distance).mean(axis=-1)[0, 1, 0], 1)[0]
    assert exponents[0, 1, 0] == pytest.approx(by_hand, rel=1e-9)
    # delta = -m: the kernel regime at p = 1/2 and p = 1; delta = m: at p = 1 an adaptive limit
    assert exponents[0, 1, 0] < exponents[0, 1, 1] < -2.0
    assert exponents[1, 1, 1] > -0.5
    # one of the runs, from raw parameters: delta = -m^q with q = 1, alpha = m^p with p = 1/2
    m = 300
    neurons = pf.initialise("reduced", m, delta=-float(m), alpha=m**0.5, seed=1)
    sim = pf.Simulation(pf.Samples.generate("sine", 8), neurons, pf.Boost(1e-3), threads=1)
    start = sim.state.tangent_kernel()
    sim.run(1e5 / m**1.5)
    expected = pf.theory.kernel_distance(sim.state.tangent_kernel(), start)
    assert_allclose(distance[0, 1, 0, 1, 1], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("p", "q", "sign", "exponent"),
    [(0.5, 0.0, -1, -1.5), (0.5, 1.0, -1, -6.0), (1.0, 1.0, -1, -4.0), (1.25, 1.0, -1, -3.0),
     (1.0, 0.0, -1, 0.0), (1.5, 0.5, -1, 0.0), (1.5, 1.0, -1, -2.0), (0.5, 1.0, 1, -1.5),
     (1.0, 1.0, 1, 0.0), (1.5, 1.0, 1, 0.0)],
)  # fmt: skip
def test_predicted_exponents(p, q, sign, exponent):
    """Worked out by hand from sizes in hat units."""
    assert predicted_exponent(p, q, sign) == pytest.approx(exponent)


def test_fluctuations_of_fewer_starts(tmp_path):
    def smaller(tables):
        tables["grid"] |= {"counts": [50, 500, 5000], "seeds": 24, "times": [0.0, 1.0, 10.0]}
        tables["grid"]["points"] = 11
        tables["flow"]["t_end"] = 10.0

    gallery.make("fluctuations", tmp_path, changes=smaller)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {f"fluctuations.{ending}" for ending in ("png", "pdf", "toml", "txt", "npz")}
    with np.load(tmp_path / "fluctuations.npz") as found:
        slopes = np.polyfit(np.log(found["counts"]), np.log(found["independent_between"]), 1)[0]
        assert_allclose(slopes, -1.0, atol=0.2)
        quiet = found["quiet_between"]
        samples, f, y = pf.Samples.generate("sine", 8), [], []
        for seed in range(24):
            neurons = pf.initialise("reduced", 500, delta=-1.0, seed=seed, sampling="quiet")
            sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
            sim.run(1.0)
            f.append(sim.predict(np.linspace(-1.0, 1.0, 11)))
            y.append(sim.residual)
        assert_allclose(quiet[1, 1], np.var(f, axis=0, ddof=1).mean(), rtol=1e-9)
        expected = np.var(y, axis=0, ddof=1).mean()
        assert_allclose(found["quiet_on_samples"][1, 1], expected, rtol=1e-9)
        assert (quiet[-1] < 0.05 * found["independent_between"][-1]).all()


@pytest.mark.slow
def test_rescaled_networks_are_the_same_function_with_another_delta(tmp_path):
    def shorter(tables):
        tables["flow"]["t_end"] = 1e-3
        tables["neurons"]["count"] = 50
        tables["output"]["frames"] = 3

    gallery.make("fig6", tmp_path, changes=shorter)
    with (
        pf.open_trajectory(tmp_path / "fig6-original.h5") as one,
        pf.open_trajectory(tmp_path / "fig6-rescaled.h5") as two,
    ):
        assert tomllib.loads((tmp_path / "fig6.toml").read_text())["flow"]["t_end"] == 1e-3
        (a, b, c), (a1, b1, c1) = one.parameters(0), two.parameters(0)
        assert_allclose(np.hypot(a1, b1), 1e3 * np.hypot(a, b), rtol=1e-9)
        assert_allclose(c1, 1e-3 * c, rtol=1e-6)


def test_what_is_measured_of_a_run(tmp_path):
    samples = pf.Samples([-1.0, 0.0, 1.0], [1.0, -1.0, 1.0])
    sim = pf.Simulation(samples, pf.initialise("reduced", 400, seed=1))
    names = ("residual", "linear_distance")
    sim.writers.append(
        pf.TrajectoryWriter(tmp_path / "run.h5", 3, precision="float64", observables=names)
    )
    before = sim.neurons.knots
    sim.run(1.0)
    after = sim.neurons.knots
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        found = measures.of_run(trajectory)
    moved = np.abs(after - before)[(np.abs(before) <= 1.0) & np.isfinite(after)]
    assert_allclose(found["displacement"], np.median(moved), rtol=1e-9)
    assert_allclose(found["displacement_of_a_tenth"], np.quantile(moved, 0.9), rtol=1e-9)
    assert_allclose(found["fit"], np.sqrt(np.mean(sim.residual**2)) / samples.spread)
    grid = np.linspace(-1, 1, 1001)
    distance = np.sqrt(np.mean((sim.predict(grid) - np.interp(grid, samples.x, samples.y)) ** 2))
    assert_allclose(found["linear_distance"], distance / samples.spread, rtol=1e-9)


@pytest.mark.slow
def test_the_map_has_each_point_where_it_belongs(tmp_path):
    tables = tomllib.loads(recipe("regimes"))
    tables["grid"] = {"scale": [0.1, 3.0], "delta": [-10.0, 0.0, 10.0], "seeds": 2}
    tables["flow"]["t_end"] = 0.5
    tables["neurons"]["count"] = 40
    found = regimes.map_of(tables, tmp_path / "recipe.toml", tmp_path / "regimes.h5")
    assert found.grid("kernel_distance").shape == (2, 3, 2)
    for seed in (0, 1):
        neurons = pf.initialise("reduced", 40, delta=0.0, scale=3.0, seed=seed)
        samples = pf.Samples.generate("square_wave", 10)
        sim = pf.Simulation(samples, neurons, pf.Boost(3e-3))
        near = diagnostics.knots_near_samples(sim.state)
        distance = diagnostics.kernel_distance(sim.state)
        sim.run(0.5)
        s, cell = 10, sim.state.cells()
        for name, value in (
            ("knots_near_samples", near()),
            ("kernel_distance", distance()),
            ("fit", np.sqrt(np.mean(sim.residual**2)) / samples.spread),
            ("dead_fraction", np.isin(cell, (s, 4 * s)).mean()),
        ):
            assert_allclose(found.grid(name)[1, 1, seed], value, rtol=1e-12, err_msg=name)


def test_thresholds():
    low, high = Claim("a", "run.x", below=1.0), Claim("b", "run.x", above=1.0, reason="why")
    assert str(low.judge({"run.x": 0.5})) == "holds: a (run.x = 0.5, claimed < 1)"
    assert str(high.judge({"run.x": 0.5})) == "FAILS: b (run.x = 0.5, claimed > 1): why"
    assert not high.judge({"run.x": float("nan")}).holds
    assert not low.judge({"run.x": float("nan")}).holds
    with pytest.raises(pf.ConfigError, match=r"expected one of run.y, found 'run.x'"):
        low.judge({"run.y": 1.0})


@pytest.mark.slow
def test_the_command(tmp_path):
    runner = CliRunner()
    result = runner.invoke(cli, ["figures", "fig8", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.output.count("fig8: holds: ") == 3
    with h5py.File(tmp_path / "out/fig8-training.h5") as file:
        assert "observables/kernel_distance" in file
    result = runner.invoke(cli, ["figures", "fig9", "-o", str(tmp_path)])
    assert isinstance(result.exception, pf.ConfigError)
    names = "fig5, fig6, fig7, fig8, regimes, alignment, min_norm, shevchenko, edge, "
    names += "fluctuations, scalings"
    assert f"expected some of {names}, found 'fig9'" in str(result.exception)
    (tmp_path / "file").write_text("")
    for target, message in (("file", "is a file, expected a folder"), ("file/x", "cannot be made")):
        result = runner.invoke(cli, ["figures", "fig8", "-o", str(tmp_path / target)])
        assert message in str(result.exception)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "fig6-rescaled.npz").write_text("")
    result = runner.invoke(cli, ["figures", "fig8", "fig6", "-o", str(tmp_path / "taken")])
    assert "fig6-rescaled.npz: exists already" in str(result.exception)
    assert len(list((tmp_path / "taken").iterdir())) == 1
