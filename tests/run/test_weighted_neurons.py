"""Weighted neurons: runs of them against runs of copies, tracers, what is recorded and exported."""

import json
from copy import copy

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.figures import draw_function, draw_sectors
from particleflow.inspect.facts import facts_of
from particleflow.run.observables import BUILT_IN
from particleflow.trajectory import RecordedNeurons

SAMPLES = pf.Samples.generate("sine", 9, noise=0.1, seed=3)
M = 120
X = np.linspace(-1.3, 1.3, 60)
RUNS = {
    "boost": (pf.Boost(1e-9), "network", 0.6),
    "gd": (pf.GradientDescent(0.005), "network", 1.0),
    "rk": (pf.RungeKutta(1e-9), "network", 0.02),
    "gd, euclidean": (pf.GradientDescent(0.005), "euclidean", 1.0),
    "rk, euclidean": (pf.RungeKutta(1e-9), "euclidean", 0.02),
}
"""Integrators with their metric and the end of a run; `rk` is slow once knots reach samples."""


def neurons_and_copies(seed=0):
    """Neurons with whole numbers as weights, those numbers, and the neurons so many times each."""
    random = np.random.default_rng(seed)
    a, b, c = random.standard_normal((3, M))
    copies = random.integers(1, 6, M)
    copies[7] = 40
    many = [np.repeat(values, copies) for values in (a, b, c)]
    return pf.Neurons(a, b, c, weights=copies), copies, pf.Neurons(*many)


def first_of(copies):
    return np.cumsum(copies) - copies


def record(sim, path, **options):
    """Run to 0.1 with everything recorded; returns the path."""
    names = [name for name in BUILT_IN if sim.metric == "network" or name != "delta_drift"]
    sim.writers.append(pf.TrajectoryWriter(
        path, frames=3, observables=names, precision="float64", **options
    ))  # fmt: skip
    sim.run(until=0.1)
    return path


@pytest.mark.parametrize(
    ("name", "dtype", "allowed"),
    [("boost", "float64", 1e-7), ("rk", "float64", 1e-7), ("rk, euclidean", "float64", 2e-6),
     ("gd", "float64", 3e-11), ("gd, euclidean", "float64", 3e-11), ("gd", "float32", 6e-4),
     ("gd, euclidean", "float32", 6e-4)],
)  # fmt: skip
def test_a_weight_is_a_number_of_copies(name, dtype, allowed):
    """For `gd` to rounding; tolerances of other integrators bound what their steps differ by."""
    integrator, metric, until = RUNS[name]
    weighted, copies, many = neurons_and_copies()
    one = pf.Simulation(SAMPLES, weighted, integrator, metric=metric, state_dtype=dtype)
    two = pf.Simulation(SAMPLES, many, integrator, metric=metric, state_dtype=dtype)
    rounding = 1e-12 if dtype == "float64" else 2e-5
    assert_allclose(one.residual, two.residual, rtol=0, atol=rounding)
    assert_allclose(one.state.covariances(), two.state.covariances(), rtol=0, atol=20 * rounding)
    assert_allclose(one.residual_rate(), two.residual_rate(), rtol=0, atol=20 * rounding)
    assert_allclose(one.state.velocity()[:, 0] / one.state._scale()[0], two.state.velocity()[:, 0],
                    rtol=100 * rounding)  # fmt: skip
    one.run(until)
    two.run(until)
    assert_allclose(one.predict(X), two.predict(X), rtol=0, atol=allowed)
    for values, expected in zip(one.state.parameters(), two.state.parameters(), strict=True):
        assert_allclose(values, expected[first_of(copies)], rtol=0, atol=30 * allowed)
    assert_array_equal(one.neurons.weights, weighted.weights)


@pytest.mark.parametrize("metric", ["network", "euclidean"])
def test_many_neurons_in_many_slots_have_weights(metric):
    """33,000 neurons are sorted by sector, in several slots."""
    random = np.random.default_rng(1)
    copies = random.integers(1, 3, 33_000)
    a, b, c = random.standard_normal((3, 33_000))
    many = [np.repeat(v, copies) for v in (a, b, c)]
    sims = [
        pf.Simulation(SAMPLES, neurons, pf.GradientDescent(0.01), metric=metric)
        for neurons in (pf.Neurons(a, b, c, weights=copies), pf.Neurons(*many))
    ]
    for sim in sims:
        sim.run(0.5)
    one, two = sims
    assert one.state.order.slots.size > 2
    assert_allclose(one.predict(X), two.predict(X), rtol=0, atol=1e-13)
    cells = np.bincount(two.state.cells(), minlength=4 * SAMPLES.size + 1) / copies.sum()
    assert_allclose(one.state.cell_masses(), cells, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("metric", "integrator"),
    [("network", pf.Boost(step=0.02)), ("network", pf.GradientDescent(0.01)),
     ("euclidean", pf.GradientDescent(0.01))],
)  # fmt: skip
def test_tracers_move_and_do_not_act(metric, integrator):
    """Neurons of weight 0 go where a neuron of the others goes from the same place."""
    random = np.random.default_rng(2)
    a, b, c = random.standard_normal((3, 50))
    which = random.integers(0, 50, 20)
    one = pf.Simulation(SAMPLES, pf.Neurons(a, b, c), integrator, metric=metric)
    weights = np.concatenate([np.ones(50), np.zeros(20)])
    all_of = [np.concatenate([values, values[which]]) for values in (a, b, c)]
    two = pf.Simulation(SAMPLES, pf.Neurons(*all_of, weights=weights), integrator, metric=metric)
    for sim in (one, two):
        sim.run(1.0)
    assert_allclose(two.predict(X), one.predict(X), rtol=0, atol=1e-12)
    moved = two.state.parameters()
    assert_allclose(moved[:, :50], one.state.parameters(), rtol=0, atol=1e-9)
    assert_allclose(moved[:, 50:], moved[:, which], rtol=0, atol=1e-9)
    assert np.abs(moved[:, 50:] - np.stack([v[which] for v in (a, b, c)])).max() > 0.1


def test_a_tiny_weight_counts_with_a_large_neuron():
    """w c is what counts, however small w is; a tracer counts nothing, however large c is."""
    for second in (1e25, 1e40):
        neurons = pf.Neurons([1.0, 1.0], [0.5, 0.3], [1.0, second], weights=[1.0, 1.0 / second])
        sim = pf.Simulation(SAMPLES, neurons, pf.GradientDescent(1e-40))
        expected = np.maximum(X + 0.5, 0.0) + np.maximum(X + 0.3, 0.0)
        assert_allclose(sim.predict(X), expected, rtol=1e-12, atol=1e-15)
    tracer = pf.Neurons([1.0, 1.0], [0.5, 0.3], [1.0, 1e25], weights=[1.0, 0.0])
    sim = pf.Simulation(SAMPLES, tracer, pf.GradientDescent(1e-40))
    assert_allclose(sim.predict(X), np.maximum(X + 0.5, 0.0), rtol=1e-15)


def test_single_precision_has_no_room_for_tiny_weights():
    neurons = pf.Neurons([1.0, 1.0], [0.5, 0.3], [1.0, 1.0], weights=[1.0, 1e-25])
    with pytest.raises(pf.ConfigError, match="float32 has no room for weights of 2e-25 times the"):
        pf.Simulation(SAMPLES, neurons, state_dtype="float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frames_of_tracers(tmp_path, dtype):
    """Their positions are recorded in single precision, too, though kernels see them tiny."""
    random = np.random.default_rng(3)
    a, b, c = random.standard_normal((3, 40))
    weights = np.where(np.arange(40) < 30, 1.0, 0.0)
    neurons = pf.Neurons(a, b, c, weights=weights)
    sim = pf.Simulation(SAMPLES, neurons, pf.GradientDescent(0.01), state_dtype=dtype)
    frame = sim.state.new_frame(40, "float32")
    sim.state.pack_frame(frame)
    for _ in range(2):  # a second wait changes nothing
        frame.wait()
        assert_allclose(frame.position[:, 0], c * np.hypot(a, b), rtol=1e-6)
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "r.h5", frames=3, precision="float32"))
    sim.run(0.5)
    with pf.open_trajectory(tmp_path / "r.h5") as run:
        assert_allclose(run.position(-1)[:, 0], sim.neurons.rhat, rtol=1e-5)
        assert (run.position(-1)[30:, 0] != 0.0).all()


def test_parts_are_no_networks():
    weighted, _, _ = neurons_and_copies()
    with pytest.raises(pf.NeuronsError, match=r"are a part of others, with weights of the sum 0\."):
        pf.Simulation(SAMPLES, weighted.part(0, 4))
    with pytest.raises(pf.NeuronsError, match="weights: expected 120, one a neuron, found 3"):
        weighted.as_part(np.ones(3))
    with pytest.raises(pf.NeuronsError, match="weights: are no part: their sum is 120, above 1"):
        weighted.as_part(np.ones(120))


def test_rounding_of_uneven_weights():
    """Single precision rounds each neuron by itself, which counts as its weight does."""
    weighted, copies, _ = neurons_and_copies()
    shares = []
    for weights in (None, copies):
        neurons = pf.Neurons(weighted.a, weighted.b, weighted.c, weights=weights)
        state = pf.Simulation(SAMPLES, neurons, state_dtype="float32").state
        shares.append(state.rounding() / np.hypot(*state.first_moments().T).sum())
    effective = copies.sum() ** 2 / np.sum(copies**2)
    assert shares[1] / shares[0] == pytest.approx(np.sqrt(M / effective), rel=1e-6)


def test_the_length_that_carries_the_weight_stays():
    """In the euclidean metric |(a, b)| is sqrt(m w), after 20,000 steps as at the start."""
    weighted, _, _ = neurons_and_copies()
    for dtype, allowed in (("float64", 1e-11), ("float32", 1e-4)):
        sim = pf.Simulation(SAMPLES, weighted, pf.GradientDescent(1e-3), metric="euclidean",
                            state_dtype=dtype)  # fmt: skip
        sim.run(20.0)
        a, b, _ = sim.state.parameters()
        assert_allclose(np.hypot(a, b), 1.0, rtol=allowed)


@pytest.mark.parametrize("metric", ["network", "euclidean"])
def test_a_file_of_weighted_neurons(tmp_path, metric):
    """All observables agree with those of copies, and the reader's results with the run's."""
    integrator = pf.GradientDescent(0.01)
    weighted, copies, many = neurons_and_copies()
    sims = [pf.Simulation(SAMPLES, n, integrator, metric=metric) for n in (weighted, many)]
    paths = [record(sim, tmp_path / f"{k}.h5") for k, sim in enumerate(sims)]
    with pf.open_trajectory(paths[0]) as one, pf.open_trajectory(paths[1]) as two:
        assert_allclose(one.mass, weighted.weights, rtol=1e-15)
        assert two.mass is None
        first = first_of(copies)
        assert_allclose(one.position(-1), two.position(-1)[first], rtol=0, atol=1e-11)
        if metric == "network":
            assert_allclose(one.delta, two.delta[first], rtol=1e-11)
        counts = {"neurons/sector_counts", "neurons/ray_counts", "crossings", "repulsors", "steps"}
        for name in set(one.observables) - counts:
            got, expected = one.observable(name)[1], two.observable(name)[1]
            assert_allclose(got, expected, rtol=1e-8, atol=1e-10, err_msg=name)
        assert set(one.observable("sector_counts")[1].sum(axis=1)) == {M}
        assert_allclose(one.predict(-1, X), sims[0].predict(X), rtol=0, atol=1e-12)
        assert_allclose(one.tangent_kernel(-1), two.tangent_kernel(-1), rtol=0, atol=1e-10)
        if metric == "euclidean":  # in the other one gradient descent does not quite keep delta
            own = sims[0].state.tangent_kernel()
            assert_allclose(one.tangent_kernel(-1), own, rtol=0, atol=1e-10)
        f2, copied = one.curvature(-1), two.curvature(-1)
        assert_allclose(np.abs(f2.masses).sum(), np.abs(copied.masses).sum(), rtol=1e-10)
        again = pf.Neurons.from_file(paths[0])
        assert_array_equal(again.weights, weighted.weights)
        assert_allclose(pf.Simulation(SAMPLES, again, integrator, metric=metric).residual,
                        sims[0].residual, rtol=0, atol=1e-12)  # fmt: skip


def test_fractions_are_weighted_and_counts_are_not(tmp_path):
    """Of four neurons one is dead, with 3/4 of the weight."""
    x = np.array([-1.0, 0.0, 1.0])
    neurons = pf.Neurons([1.0, 1, 1, 1], [-2.0, 0.5, 2, 0.2], [1.0] * 4, weights=[9, 1, 1, 1])
    sim = pf.Simulation(pf.Samples(x, x), neurons, pf.Boost(1e-4))
    with pf.open_trajectory(record(sim, tmp_path / "r.h5")) as run:
        assert_allclose(run.observable("dead_fraction")[1], 0.75, rtol=1e-15)
        assert run.observable("neurons/sector_counts")[1][0].tolist() == [1, 2, 0, 1, 0, 0]


def test_shares_of_sliding_neurons(tmp_path):
    """Those that slide in the end get nine tenths of the weight."""
    samples = pf.Samples.generate("square_wave", 6)
    first = pf.Simulation(samples, pf.initialise("reduced", 400, seed=2), pf.Boost(1e-4))
    first.run(20.0)
    end = first.neurons
    slides = (end.cells.cell >= 12) & (end.cells.cell < 24)
    assert 50 < slides.sum() < 350
    weights = np.where(slides, 0.9 / slides.sum(), 0.1 / (~slides).sum())
    again = pf.Neurons(end.a, end.b, end.c, cells=end.cells, weights=weights)
    sim = pf.Simulation(samples, again, pf.Boost(1e-4))
    path = tmp_path / "r.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=2, observables=("sliding_fraction",)))
    sim.run(1e-6)
    with pf.open_trajectory(path) as run:
        assert_allclose(run.observable("sliding_fraction")[1][0], 0.9, rtol=1e-12)
    # neurons without weights that know the same cells slide on, too; a tracer rests in the origin
    assert_array_equal(again.unweighted().cells.cell, end.cells.cell)
    weights[np.flatnonzero(slides)[0]] = 0.0
    one = pf.Neurons(end.a, end.b, end.c, cells=end.cells, weights=weights).unweighted()
    assert one.cells.cell[np.flatnonzero(slides)[0]] == 24


def test_only_tracers_are_alive(tmp_path):
    x = np.array([-1.0, 0.0, 1.0])
    neurons = pf.Neurons([1.0, 1.0], [-2.0, 0.5], [1.0, 1.0], weights=[1.0, 0.0])
    sim = pf.Simulation(pf.Samples(x, x), neurons, pf.Boost(1e-4))
    names = ("knots_near_samples", "knot_mass_near_samples")
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "r.h5", frames=2, observables=names))
    sim.run(0.1)
    with pf.open_trajectory(tmp_path / "r.h5") as run:
        assert run.observable(names[0])[1].tolist() == [0.0] * 11


def test_reading_in_pieces(tmp_path, monkeypatch):
    weighted, _, _ = neurons_and_copies()
    sim = pf.Simulation(SAMPLES, weighted, pf.GradientDescent(0.01))
    path = record(sim, tmp_path / "r.h5")
    with pf.open_trajectory(path) as run:
        whole = run.predict(-1, X), run.tangent_kernel(-1)
        monkeypatch.setattr("particleflow.trajectory.reader._PIECE", 17)
        assert_allclose(run.predict(-1, X), whole[0], rtol=0, atol=1e-14)
        assert_allclose(run.tangent_kernel(-1), whole[1], rtol=0, atol=1e-13)
    assert_array_equal(RecordedNeurons(path).part(5, 9).weights, weighted.weights[5:9])


@pytest.mark.parametrize(
    ("change", "message"),
    [(lambda mass: mass[:5], "is no number for each neuron"),
     (lambda mass: np.full(M, b"x"), "is no number for each neuron"),
     (lambda mass: np.r_[-1.0, mass[1:]], "is no part of weights of sum 1"),
     (lambda mass: np.r_[np.nan, mass[1:]], "is no part of weights of sum 1"),
     (lambda mass: 0.0 * mass, "is no part of weights of sum 1"),
     (lambda mass: 5.0 + mass, "is no part of weights of sum 1")],
)  # fmt: skip
def test_damaged_weights_of_a_file(tmp_path, change, message):
    weighted, _, _ = neurons_and_copies()
    path = record(pf.Simulation(SAMPLES, weighted, pf.GradientDescent(0.01)), tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        group = file["particles/neurons"]
        del group["mass"]
        group["mass"] = change(weighted.weights)
    with pytest.raises(pf.TrajectoryError, match=f"is damaged: mass {message}"):
        pf.Neurons.from_file(path)


@pytest.mark.parametrize(
    ("weights", "label", "sectors"),
    [([1, 0, 2, 0], "share of the weight", [0.5, 0.0, 0.5]),
     ([0, 1, 0, 0], "share of the neurons", [0.5, 0.0, 0.5])],
)  # fmt: skip
def test_pictures_of_weighted_neurons(tmp_path, weights, label, sectors):
    """Shares of the weight; where only tracers are recorded, shares of their number."""
    x = np.array([-1.0, 0.0, 1.0])
    neurons = pf.Neurons([1.0, 1, 1, 1], [2.0, 0.5, -0.5, 0.2], [1.0] * 4, weights=weights)
    sim = pf.Simulation(pf.Samples(x, x), neurons, pf.GradientDescent(1e-6))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "r.h5", frames=2, neurons=2))  # 0 and 2
    sim.run(1e-5)
    with pf.open_trajectory(tmp_path / "r.h5") as run:
        figure = Figure()
        draw_sectors(figure.subplots(), run)
        assert figure.axes[1].get_ylabel() == label
        shown = np.ma.filled(figure.axes[0].collections[0].get_array(), 0.0)[:3, 0]
    expected = [1 / 3, 0.0, 2 / 3] if weights[0] else sectors
    assert_allclose(np.nan_to_num(shown), expected, rtol=1e-12)


def test_tracers_have_no_knots_of_f(tmp_path):
    x = np.array([-1.0, 0.0, 1.0])
    neurons = pf.Neurons([1.0, 1.0, -1.0], [0.5, -0.5, 0.2], [1.0] * 3, weights=[1, 0, 1])
    sim = pf.Simulation(pf.Samples(x, x), neurons, pf.GradientDescent(1e-6))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "r.h5", frames=2))
    sim.run(1e-5)
    with pf.open_trajectory(tmp_path / "r.h5") as run:
        ax = draw_function(Figure().subplots(), run)
        (rug,) = (line for line in ax.lines if line.get_label() == "knots")
    assert_allclose(np.sort(rug.get_xdata()), [-0.5, 0.2], atol=1e-4)


def test_a_subset_of_weighted_neurons(tmp_path):
    weighted, _, _ = neurons_and_copies()
    sim = pf.Simulation(SAMPLES, weighted, pf.GradientDescent(0.01))
    path = record(sim, tmp_path / "r.h5", neurons=7)
    facts = facts_of(path)
    assert "effective_neurons" not in facts  # which seven of them do not say
    with pf.open_trajectory(path) as run:
        assert_array_equal(run.mass, weighted.weights[run.ids])
        assert facts["mass_recorded"] == pytest.approx(run.mass.sum(), rel=1e-12)
        final = sim.neurons
        assert_allclose(run.position(-1)[:, 0], final.rhat[run.ids], rtol=1e-13)


def test_stored_function_of_weighted_neurons_in_single_precision(tmp_path):
    """The note on positions that do not carry the function compares with weights."""
    weighted, _, _ = neurons_and_copies()
    sim = pf.Simulation(SAMPLES, weighted, pf.Boost(1e-4))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "r.h5", frames=2))
    sim.run(0.5)
    assert not any("stored in float32" in note for note in sim.notes)
    with pf.open_trajectory(tmp_path / "r.h5") as run:
        assert run.position(-1).dtype == np.float32
        assert_allclose(run.predict(-1, X), sim.predict(X), rtol=0, atol=1e-6)


def test_exports_have_weights(tmp_path):
    weighted, _, _ = neurons_and_copies()
    sim = pf.Simulation(SAMPLES, weighted, pf.GradientDescent(0.01))
    path = record(sim, tmp_path / "r.h5")
    for ending in ("npz", "nc", "csv"):
        pf.export(path, tmp_path / f"r.{ending}", neurons=10)
    with np.load(tmp_path / "r.npz") as archive:
        ids = archive["id"]
        assert_array_equal(archive["mass"], weighted.weights[ids])
    with h5py.File(tmp_path / "r.nc") as file:
        assert_array_equal(file["mass"][:], weighted.weights[ids])
    table = np.genfromtxt(tmp_path / "r.csv", delimiter=",", names=True)
    assert_array_equal(table["mass"][:10], weighted.weights[ids])


def test_copies_and_snapshots_keep_weights():
    weighted, _, _ = neurons_and_copies()
    sim = pf.Simulation(SAMPLES, weighted, pf.Boost(1e-4))
    sim.run(0.2)
    twin = copy(sim)
    for each in (sim, twin):
        each.run(0.5)
    assert_array_equal(sim.predict(X), twin.predict(X))
    # a snapshot brings its weights along
    other = pf.Simulation(SAMPLES, pf.Neurons(*np.ones((3, M))), pf.Boost(1e-4))
    other.restore({name: np.array(values) for name, values in sim.snapshot().items()})
    assert_array_equal(other.predict(X), sim.predict(X))
    assert_array_equal(other.neurons.weights, weighted.weights)


def test_a_snapshot_says_whether_there_are_weights():
    """In the euclidean metric kernels differ: back from weights to none, and the other way."""
    weighted, _, _ = neurons_and_copies()
    plain = pf.Neurons(weighted.a, weighted.b, weighted.c)
    for one, two in ((weighted, plain), (plain, weighted)):
        sims = [pf.Simulation(SAMPLES, n, pf.GradientDescent(0.01), metric="euclidean")
                for n in (one, two)]  # fmt: skip
        sims[1].restore({name: np.array(values) for name, values in sims[0].snapshot().items()})
        for sim in sims:
            sim.run(0.3)
        assert_array_equal(sims[0].predict(X), sims[1].predict(X))


def test_configurations_read_weights(call, here):
    weighted, _, _ = neurons_and_copies()
    weighted.to_file(here / "start.npz")
    (here / "a.toml").write_text(
        '[samples]\nkind = "sine"\ncount = 9\nnoise = 0.1\nseed = 3\n'
        '[neurons]\ninit = "file"\nfile = "start.npz"\n[flow]\nt_end = 0.1\n'
    )
    assert call("run", "a.toml", "--quiet")[0] == 0
    found = json.loads(call("info", "a.h5", "--json")[1])
    assert found["effective_neurons"] == pytest.approx(1.0 / np.sum(weighted.weights**2), rel=1e-12)
    (here / "b.toml").write_text(
        '[samples]\nkind = "sine"\ncount = 9\nnoise = 0.1\nseed = 3\n'
        '[neurons]\ninit = "file"\nfile = "a.h5"\n[flow]\nt_end = 0.1\n'
    )
    assert call("run", "b.toml", "--quiet")[0] == 0
    with pf.open_trajectory("b.h5") as run:
        assert_array_equal(run.mass, weighted.weights)
