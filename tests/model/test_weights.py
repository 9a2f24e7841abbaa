"""Samples with weights, rows of equal x, and a single sample, from the rows to the file."""

import copy
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.backend import METRICS

X = np.array([0.5, -0.8, 0.1, 0.5, -0.8, 0.5, 0.9])
Y = np.array([1.0, -1.0, 0.3, 0.4, -0.2, 0.7, -0.5])
W = np.array([1.0, 0.5, 2.0, 3.0, 0.25, 1.5, 4.0])
RECORDED = Path(__file__).parents[1] / "recorded"
INTEGRATORS = {
    "boost": pf.Boost(1e-4), "gd": pf.GradientDescent(2e-3), "rk": pf.RungeKutta(1e-4)
}  # fmt: skip


def descend(rows, z, h, steps):
    """Gradient descent on L = 1/2 sum over all rows of w (f(x) - y)^2, neuron by neuron and row by
    row; hat parameters, and the loss."""
    x, y, w = rows
    a, b, c = (row.copy() for row in z)
    for _ in range(steps):
        pre = a[:, None] * x + b[:, None]
        active = pre > 0.0
        push = w * (np.mean(c[:, None] * pre * active, axis=0) - y)
        gx, g1 = -(active * (push * x)).sum(axis=1), -(active * push).sum(axis=1)
        a, b, c = a + h * c * gx, b + h * c * g1, c + h * (a * gx + b * g1)
    rho = np.mean(c[:, None] * np.maximum(a[:, None] * x + b[:, None], 0.0), axis=0) - y
    return np.array([a, b, c]), 0.5 * float(np.sum(w * rho**2))


def start(m=60, seed=3):
    return pf.initialise("gaussian", m, seed=seed)


def test_rows_of_equal_x_are_one_sample():
    samples = pf.Samples(X, Y, weights=W)
    assert_array_equal(samples.x, [-0.8, 0.1, 0.5, 0.9])
    assert_allclose(samples.weights, [0.75, 2.0, 5.5, 4.0], rtol=1e-15)
    mean = (1.0 * 1.0 + 0.4 * 3.0 + 0.7 * 1.5) / 5.5
    assert_allclose(samples.y, [-0.55 / 0.75, 0.3, mean, -0.5], rtol=1e-15)
    assert_array_equal(samples.rows.x, X)
    assert_array_equal(samples.rows.y, Y)
    assert samples.size == 4
    assert samples.has_repeats
    assert repr(samples) == "Samples(4 points of 7 rows, x in [-0.8, 0.9])"
    for f in (-1.0, 0.0, 2.5):
        all_rows = 0.5 * np.sum(W * (f - Y) ** 2)
        merged = 0.5 * np.sum(samples.weights * (f - samples.y) ** 2) + samples.loss_within
        assert merged == pytest.approx(all_rows, rel=1e-14)


@given(st.lists(st.tuples(st.integers(-3, 3), st.floats(-5, 5), st.floats(0.1, 10)), min_size=1))
def test_the_loss_of_all_rows_whatever_the_rows_are(rows):
    x, y, w = (np.array(column, float) for column in zip(*rows, strict=True))
    samples = pf.Samples(x, y, weights=w)
    f = dict(zip(samples.x.tolist(), np.cos(samples.x), strict=True))
    all_rows = 0.5 * np.sum(w * (np.array([f[at] for at in x]) - y) ** 2)
    merged = 0.5 * np.sum(samples.weights * (np.cos(samples.x) - samples.y) ** 2)
    assert merged + samples.loss_within == pytest.approx(all_rows, rel=1e-12, abs=1e-12)


def test_sigma_is_a_weight():
    sigma = np.array([0.5, 2.0, 1.0])
    one = pf.Samples([0, 1, 2], [1, 2, 3], sigma=sigma)
    assert_array_equal(one.weights, [4.0, 0.25, 1.0])
    assert_array_equal(pf.Samples([0, 1], [1, 2], sigma=0.5).weights, [4.0, 4.0])
    assert_array_equal(pf.Samples([0, 1], [1, 2], weights=3).weights, [3.0, 3.0])


@pytest.mark.parametrize(("options", "message"), [
    ({"weights": [1, 0, 1]}, r"weights\[1\] is 0: expected a number above 0"),
    ({"weights": [1, 1, -2]}, r"weights\[2\] is -2: expected a number above 0"),
    ({"weights": [1, np.nan, 1]}, r"weights\[1\] is nan"),
    ({"weights": [1, 1]}, "weights: expected one for each of 3 rows, found 2"),
    ({"sigma": [1, 0, 1]}, r"sigma\[1\] is 0: expected a number above 0"),
    ({"sigma": [1, 1e-200, 1]}, r"sigma\[1\] is 1e-200: the weight 1/sigma\^2 is out of range"),
    ({"sigma": [1, 1e200, 1]}, r"sigma\[1\] is 1e\+200: the weight 1/sigma\^2 is out of range"),
    ({"sigma": [1, 1, 1], "weights": [1, 1, 1]}, "weights and sigma: expected one of them"),
    ({"weights": [1e308, 1e308, 1e308]}, "too large to compute with"),
])  # fmt: skip
def test_weights_that_are_none(options, message):
    with pytest.raises(pf.SamplesError, match=message):
        pf.Samples([0, 1, 2], [1, 2, 3], **options)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies(copied):
    samples = pf.Samples(X, Y, weights=W).normalised()
    other = copied(samples)
    for name in ("x", "y", "weights", "network_x"):
        assert_array_equal(getattr(other, name), getattr(samples, name))
    assert_array_equal(other.rows, samples.rows)
    assert other.loss_within == samples.loss_within


def test_gradient_descent_over_all_rows():
    rows, h, steps = (X, Y, W), 2e-3, 2000
    neurons = start()
    sim = pf.Simulation(pf.Samples(X, Y, weights=W), neurons, pf.GradientDescent(h))
    sim.run(steps * h)
    assert sim.step == steps
    z, loss = descend(rows, (neurons.a, neurons.b, neurons.c), h, steps)
    assert_allclose(sim.state.parameters(), z, rtol=0, atol=1e-12)
    assert sim.loss == pytest.approx(loss, abs=1e-12)
    assert sim.loss > sim.samples.loss_within


@pytest.mark.slow
def test_the_exact_flow_is_the_limit_of_gradient_descent():
    samples, neurons = pf.Samples(X, Y, weights=W), start()
    one = pf.Simulation(samples, neurons, pf.Boost(1e-6))
    two = pf.Simulation(samples, neurons, pf.GradientDescent(1e-5))
    three = pf.Simulation(samples, neurons, pf.RungeKutta(1e-6))
    for sim in (one, two, three):
        sim.run(1.0)
    assert_allclose(one.residual, two.residual, atol=2e-4)
    assert_allclose(three.residual, two.residual, atol=2e-4)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_row_given_often_is_a_row_of_that_weight(name):
    x, y, often = np.array([-0.7, 0.2, 0.6]), np.array([1.0, -0.3, 0.1]), np.array([3, 1, 4])
    ends = []
    for samples in (
        pf.Samples(np.repeat(x, often), np.repeat(y, often)), pf.Samples(x, y, weights=often)
    ):  # fmt: skip
        assert samples.loss_within == 0.0
        sim = pf.Simulation(samples, start(), INTEGRATORS[name])
        sim.run(0.5)
        ends.append((sim.step, sim.residual.tobytes(), sim.state.parameters().tobytes()))
    assert ends[0] == ends[1]


def test_weights_scale_time_together():
    """Weights of 4 are the flow of weights of 1 in a quarter of the time, to the bit."""
    x, y = np.array([-0.7, 0.2, 0.6]), np.array([1.0, -0.3, 0.1])
    one = pf.Simulation(pf.Samples(x, y), start(), pf.GradientDescent(4e-3))
    four = pf.Simulation(pf.Samples(x, y, weights=[4, 4, 4]), start(), pf.GradientDescent(1e-3))
    one.run(0.4)
    four.run(0.1)
    assert_array_equal(one.state.parameters(), four.state.parameters())
    assert_array_equal(one.residual, four.residual)
    assert four.loss == 4.0 * one.loss


@pytest.mark.parametrize("metric", METRICS)
def test_rates_are_those_of_the_weighted_kernel(metric):
    samples = pf.Samples(X, Y, weights=W)
    sim = pf.Simulation(samples, start(), pf.GradientDescent(1e-7), metric=metric)
    rate, before = sim.residual_rate(), sim.residual
    root = np.sqrt(samples.weights)
    kernel = pf.theory.tangent_kernel(
        samples.x, sim.sector_covariances(), sim.ray_covariances(), samples.weights
    )
    plain = pf.theory.tangent_kernel(samples.x, sim.sector_covariances(), sim.ray_covariances())
    assert_allclose(kernel, root[:, None] * plain * root, rtol=1e-14)
    assert_allclose(rate, -plain @ (samples.weights * before), rtol=1e-11, atol=1e-12)
    sim.run(1e-7)
    assert_allclose((sim.residual - before) / 1e-7, rate, rtol=1e-5, atol=1e-6)


def test_the_spectrum_holds_the_rates():
    samples = pf.Samples(X, Y, weights=W)
    sim = pf.Simulation(samples, start())
    kernel = sim.state.tangent_kernel()
    assert_allclose(kernel, kernel.T)
    rho = np.sqrt(samples.weights) * sim.residual
    fall = -float(rho @ kernel @ rho)
    before = sim.loss
    sim.run(1e-6)
    assert (sim.loss - before) / 1e-6 == pytest.approx(fall, rel=1e-4)


def test_the_kernel_regime():
    """Its closed form against gradient descent of c alone, over all rows."""
    samples, neurons = pf.Samples(X, Y, weights=W), start()
    regime = pf.theory.KernelRegime(samples.x, samples.y, neurons.a, neurons.b, neurons.c,
                                    samples.weights)  # fmt: skip
    pre = np.maximum(neurons.a[:, None] * X + neurons.b[:, None], 0.0)
    c, h = neurons.c.copy(), 1e-5
    for _ in range(20_000):
        c -= h * (pre * (W * (np.mean(c[:, None] * pre, axis=0) - Y))).sum(axis=1)
    f = np.mean(
        c[:, None] * np.maximum(neurons.a[:, None] * samples.x + neurons.b[:, None], 0.0), 0
    )
    assert_allclose(regime.prediction(0.2), f, atol=1e-4)
    root = np.sqrt(samples.weights)
    assert regime.loss(0.2) == pytest.approx(0.5 * np.sum((root * regime.residual(0.2)) ** 2))
    with pytest.raises(pf.SamplesError, match="weights"):
        pf.theory.KernelRegime(samples.x, samples.y, neurons.a, neurons.b, neurons.c, [1, 2])


def test_attractors_depend_on_weights():
    """A ray attracts where the fields of both its sectors push neurons onto it."""
    random = np.random.default_rng(0)
    differ = 0
    for _ in range(50):
        x, rho = np.sort(random.uniform(-1, 1, 5)), random.standard_normal(5)
        w = 10.0 ** random.uniform(-1, 1, 5)
        kinds = pf.theory.classify_rays(x, rho, 1, w)
        expected = []
        for j, a in [(j, 1.0) for j in range(5)] + [(j, -1.0) for j in range(5)]:
            pulls = []
            for side in (1.0, -1.0):  # the sample j active, or not
                b = -a * x[j] + side * 1e-9
                active = a * x + b > 0.0
                g = -np.array([(w * rho * x)[active].sum(), (w * rho)[active].sum()])
                pulls.append(g @ [x[j], 1.0])  # rate of the pre-activation at sample j, over c > 0
            attracts = pulls[0] < 0.0 < pulls[1]
            repels = pulls[1] < 0.0 < pulls[0]
            expected.append("attractor" if attracts else "repulsor" if repels else "pass-through")
        expected[4] = expected[5] = "border"
        assert kinds.tolist() == expected
        differ += (kinds != pf.theory.classify_rays(x, rho, 1)).any()
    assert differ > 10


def test_weights_of_1_are_none():
    """The same bits, with and without; sums of states are those of tests/helpers/golden.py."""
    for integrator in INTEGRATORS.values():
        ends = []
        for options in ({}, {"weights": np.ones(3)}, {"sigma": np.ones(3)}):
            samples = pf.Samples([-0.7, 0.2, 0.6], [1.0, -0.3, 0.1], **options)
            sim = pf.Simulation(samples, start(), integrator)
            sim.run(0.5)
            ends.append((sim.step, sim.loss, sim.state.parameters().tobytes()))
        assert ends[0] == ends[1] == ends[2]


def test_every_observable_of_a_single_sample(tmp_path):
    from particleflow.run.observables import BUILT_IN

    sim = pf.Simulation(pf.Samples([0.3], [0.7]), start())
    names = tuple(BUILT_IN)
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3, observables=names))
    sim.run(1.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        assert traj.is_complete
        assert np.isnan(traj.observable("knots_near_samples")[1]).all()


def test_recorded_sums_explain_the_training(tmp_path):
    samples = pf.Samples(X, Y, weights=W)
    sim = pf.Simulation(samples, start(2000), pf.Boost(1e-5))
    names = ("loss", "loss_within", "residual", "prediction", "sector_covariances",
             "ray_covariances", "kernel_spectrum")  # fmt: skip
    sim.writers.append(
        pf.TrajectoryWriter(tmp_path / "run.h5", frames=201, precision="float64", observables=names)
    )
    sim.run(1.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        time, residual = traj.observable("residual")
        sums = [traj.observable(f"neurons/{n}_covariances")[1] for n in ("sector", "ray")]
        times = traj.observable("neurons/sector_covariances")[0]
        at = np.searchsorted(time, times)
        drift = pf.theory.replay_drift(samples.x, times, residual[at], *sums, samples.weights)
        assert drift.max() < 1e-3
        loss = traj.observable("loss")[1]
        within = traj.observable("loss_within")[1]
        assert_array_equal(within, samples.loss_within)
        merged = 0.5 * np.sum(samples.weights * residual**2, axis=1)
        assert_allclose(loss, merged + within, rtol=1e-13)
        assert_allclose(traj.observable("prediction")[1], residual + samples.y, rtol=1e-13)
        spectrum = traj.observable("kernel_spectrum")[1][-1]
        kernel = traj.tangent_kernel(-1)
        assert_allclose(spectrum, np.linalg.eigvalsh(kernel)[::-1], rtol=1e-9)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_file_knows_rows_and_weights(tmp_path, is_mapped):
    samples = pf.Samples(3.0 + X, Y, weights=W)
    samples = samples.normalised() if is_mapped else samples
    path = tmp_path / "run.h5"
    sim = pf.Simulation(samples, start(), pf.GradientDescent(1e-3))
    sim.writers.append(pf.TrajectoryWriter(path, frames=3, precision="float64",
                                           checkpoint_every=np.inf))  # fmt: skip
    sim.run(0.5)
    with pf.open_trajectory(path) as traj:
        for name in ("x", "y", "weights", "network_x"):
            assert_array_equal(getattr(traj.samples, name), getattr(samples, name))
        assert_array_equal(traj.samples.rows, samples.rows)
        assert traj.samples.loss_within == samples.loss_within
        u, v = sim.field(0.3, 0.4, delta=0.0)
        assert_allclose(traj.field(-1, 0.3, 0.4, delta=0.0), (u, v), rtol=1e-9)
    # a run that is made longer is the run that was never interrupted
    resumed = pf.resume(path, until=1.0)
    resumed.simulation.run(resumed.until)
    whole = pf.Simulation(samples, start(), pf.GradientDescent(1e-3))
    whole.run(1.0)
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.residual[-1], whole.residual)
        for target in ("out.nc", "out.npz"):
            pf.export(path, tmp_path / target)
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as table:
        assert_array_equal(table.weights, samples.weights)
        assert_array_equal(table.row_y, Y)
        assert table.attrs["loss_within"] == samples.loss_within
    with np.load(tmp_path / "out.npz") as table:
        assert_array_equal(table["weights"], samples.weights)
        assert_array_equal(table["row_weights"], W)


def test_a_file_knows_weights_without_repeats(tmp_path):
    samples = pf.Samples([0.0, 1.0, 3.0], [1.0, -1.0, 0.5], weights=[0.5, 2.0, 7.0])
    sim = pf.Simulation(samples, start(), pf.GradientDescent(1e-3))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=2))
    sim.run(0.1)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        assert_array_equal(traj.samples.weights, samples.weights)
        assert not traj.samples.has_repeats
    with h5py.File(tmp_path / "run.h5") as file:
        assert set(file["parameters/samples"]) == {"x", "y", "weights"}


def test_plain_samples_leave_no_trace_in_the_file(tmp_path):
    sim = pf.Simulation(pf.Samples([0, 1], [1, 2]), start(), pf.GradientDescent(1e-3))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=2))
    sim.run(0.1)
    with h5py.File(tmp_path / "run.h5") as file:
        assert set(file["parameters/samples"]) == {"x", "y"}


def test_pictures(tmp_path):
    sim = pf.Simulation(pf.Samples(X, Y, weights=W), start())
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=5))
    sim.run(1.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        figure = pf.figures.plot(traj, "function")
        (ax,) = figure.axes
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert "rows" in labels
        (marks,) = ax.collections
        sizes = marks.get_sizes()
        assert sizes.size == 4
        assert sizes.argmax() == sim.samples.weights.argmax()


@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("x", [0.0, -0.4])
def test_a_single_sample(x, weight):
    """All neurons that are active learn it; both its rays border the dead sector."""
    samples, neurons = pf.Samples([x], [0.7], weights=[weight]), start()
    z, loss = descend((np.array([x]), np.array([0.7]), np.array([weight])),
                      (neurons.a, neurons.b, neurons.c), 1e-3, 1000)  # fmt: skip
    sim = pf.Simulation(samples, neurons, pf.GradientDescent(1e-3))
    sim.run(1.0)
    assert_allclose(sim.state.parameters(), z, rtol=0, atol=1e-12)
    assert sim.loss == pytest.approx(loss, rel=1e-9)
    exact = pf.Simulation(samples, neurons, pf.Boost(1e-6))
    exact.run(1.0)
    assert_allclose(exact.residual, sim.residual, atol=2e-3)
    long = pf.Simulation(samples, neurons, pf.Boost(1e-6))
    long.run(np.inf)
    assert abs(long.residual[0]) < 1e-6
    # f is linear through the origin of its active neurons: the kernel is one number
    assert exact.state.tangent_kernel().shape == (1, 1)
    assert samples.hint() is None
    with pytest.raises(pf.SamplesError, match="too short to normalise"):
        samples.normalised()


@pytest.mark.parametrize("kind", ["overview", "function", "knots", "phase", "sectors", "spectrum"])
def test_pictures_of_a_single_sample(tmp_path, kind):
    sim = pf.Simulation(pf.Samples([0.3], [0.7]), start())
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=5))
    sim.run(1.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        pf.figures.save(pf.figures.plot(traj, kind), tmp_path / "one.png")


def test_rows_are_those_of_pytorch():
    """torch.optim.SGD in float64 over all rows; bench/make_torch_reference.py made the file."""
    with np.load(RECORDED / "torch_rows.npz") as stored:
        reference = dict(stored)
    alpha, every = float(reference["alpha"]), int(reference["every"])
    x, y, weights = reference["x"], reference["y"], reference["weights"]
    samples = pf.Samples(x, y, weights=weights)
    assert samples.size == 12
    assert samples.rows.x.size == 36
    neurons = pf.Neurons.from_parameters(*reference["parameters"][0], alpha=alpha)
    step = float(reference["learning_rate"]) / alpha
    sim = pf.Simulation(samples, neurons, pf.GradientDescent(step))
    at = np.searchsorted(samples.x, x)
    for k in range(1, len(reference["residuals"])):
        sim.run(k * every * step)
        own = (sim.residual + samples.y)[at] - y
        assert_allclose(own, reference["residuals"][k], rtol=0, atol=1e-12)
        loss = 0.5 * np.sum(weights * reference["residuals"][k] ** 2)
        assert sim.loss == pytest.approx(loss, abs=1e-12)
    assert sim.step == 1000
