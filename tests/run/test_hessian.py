"""The Hessian: products against finite differences, eigenvalues against dense matrices."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.backend import kernel_matrix, largest_rate
from particleflow.backend.fields import extended

SAMPLES = pf.Samples.generate("square_wave", 6)
CASES = {
    "start": (None, 0.0, 0.0, 0.3),
    "sliding": (None, 2.0, 0.0, 0.3),
    "sliding, decay": (None, 5.0, 0.2, 0.3),
    "gd, decay": (pf.GradientDescent(1e-2), 2.0, 0.1, -0.5),
    "weights": (pf.Boost(1e-4), 1.0, 0.0, -0.2),
}


def simulate(name, m=40, samples=SAMPLES):
    integrator, until, decay, delta = CASES[name]
    neurons = pf.initialise("reduced", m, delta=delta, seed=2)
    if name == "weights":
        neurons = pf.Neurons(neurons.a, neurons.b, neurons.c, weights=np.arange(m) % 5 + 0.5)
        samples = pf.Samples(samples.x, samples.y, weights=[1, 2, 0.5, 1, 3, 1])
    sim = pf.Simulation(samples, neurons, integrator, decay=decay)
    if until:
        sim.run(until)
    return sim


def dense(sim):
    """The Hessian as a matrix (3 m, 3 m), by products."""
    n = 3 * sim.size
    columns = [sim.hessian.product(row.reshape(3, -1)).ravel() for row in np.eye(n)]
    return np.stack(columns, axis=1)


def coordinates(sim):
    """An orthonormal basis of the directions in which neurons can move, (3 m, n)."""
    s, m = sim.samples.size, sim.size
    across = []
    for i, k in enumerate(sim.state.cells()):
        if 2 * s <= k < 4 * s:
            vector = np.zeros((3, m))
            vector[:2, i] = sim.samples.network_x[(k - 2 * s) % s], 1.0
            across.append(vector.ravel() / np.linalg.norm(vector))
    if not across:
        return np.eye(3 * m)
    return np.linalg.svd(np.array(across))[2][len(across) :].T


@pytest.mark.parametrize("name", CASES)
def test_products_are_differences_of_the_flow(name):
    """The rate z' is minus the gradient; along a slide its part along the ray."""
    sim = simulate(name)
    s, weights = sim.samples.size, sim.state.weights_of_all()
    x, y, w = sim.samples.network_x, sim.samples.y, sim.samples.weights
    z = np.stack([sim.neurons.a, sim.neurons.b, sim.neurons.c])
    cell = sim.state.cells()
    share = np.full(sim.size, 1.0 / sim.size) if weights is None else weights
    scale = np.sqrt(sim.size * share)
    pre = z[0][:, None] * x + z[1][:, None]
    active = pre > 0.0
    slides = (cell >= 2 * s) & (cell < 4 * s)
    own = np.where(slides, (cell - 2 * s) % s, 0)
    active[slides, own[slides]] = False  # of their sample nothing is seen along the ray
    active[cell == s] = False

    def rate(z):
        a, b, c = z
        h = active * (a[:, None] * x + b[:, None])
        rho = w * ((share * c) @ h - y)
        gx, g1 = -(active * rho) @ x, -(active * rho).sum(axis=1)
        return np.stack([c * gx, c * g1, a * gx + b * g1]) - sim.decay * z

    basis = coordinates(sim)
    random = np.random.default_rng(5)
    for _ in range(3):
        v = (basis @ (basis.T @ random.standard_normal(3 * sim.size))).reshape(3, -1)
        step = 1e-6 * v / scale  # the product is of sqrt(m w) z
        change = scale * (rate(z + step) - rate(z - step)) / 2e-6
        expected = basis @ (basis.T @ -change.ravel())
        found = sim.hessian.product(v).ravel()
        assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("name", CASES)
def test_eigenvalues(name):
    sim = simulate(name)
    basis = coordinates(sim)
    matrix = dense(sim)
    assert_allclose(matrix, matrix.T, rtol=0, atol=1e-14 * np.abs(matrix).max())
    expected = np.linalg.eigvalsh(basis.T @ matrix @ basis)[::-1]
    size = expected[0]
    assert sim.hessian.largest() == pytest.approx(size, rel=1e-11)
    assert_allclose(sim.hessian.eigenvalues(expected.size), expected, rtol=0, atol=1e-10 * size)
    if "sliding" in name:
        assert basis.shape[1] < 3 * sim.size
    with pytest.raises(pf.ConfigError, match="n: expected at most"):
        sim.hessian.eigenvalues(expected.size + 1)


def test_many_samples():
    """More of them than a first Krylov space has dimensions."""
    sim = simulate("sliding", 300, pf.Samples.generate("sine", 60, noise=0.3, seed=1))
    assert sim.hessian.largest() == pytest.approx(sim.hessian.eigenvalues(1)[0], rel=1e-11)


def test_without_residuals_it_is_the_tangent_kernel():
    neurons = pf.initialise("reduced", 30, delta=-1.0, seed=3)
    x = np.linspace(-1.0, 1.0, 5)
    y = pf.Simulation(pf.Samples(x, x), neurons).predict(x)
    sim = pf.Simulation(pf.Samples(x, y), neurons)
    rates = np.linalg.eigvalsh(sim.state.tangent_kernel())[::-1]
    assert_allclose(sim.hessian.eigenvalues(5), rates, rtol=0, atol=1e-10 * rates[0])
    assert sim.hessian.largest() == pytest.approx(rates[0], rel=1e-12)


def test_gradient_descent_is_stable_below_2_over_its_step():
    """Near an interpolant residuals shrink for a step below 2 / sharpness and grow above."""
    samples = pf.Samples([-1.0, -0.2, 0.7], [0.5, -0.4, 0.3])
    neurons = pf.initialise("reduced", 400, delta=-3.0, seed=1)
    sim = pf.Simulation(samples, neurons, pf.GradientDescent(0.02))
    sim.run(40.0)
    assert 1e-20 < sim.loss < 1e-6
    sharpness = sim.hessian.largest()
    for factor, grows in ((0.9, False), (1.1, True)):
        step = factor * 2.0 / sharpness
        descent = pf.Simulation(samples, sim.neurons, pf.GradientDescent(step))
        descent.run(300 * step)
        assert (descent.loss > 2.0 * sim.loss) == grows


def test_it_is_an_observable(tmp_path):
    path = tmp_path / "run.h5"
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1), pf.GradientDescent(0.01))
    names = ("sharpness", "edge_of_stability")
    sim.writers.append(pf.TrajectoryWriter(path, frames=3, observables=names))
    first = sim.hessian.largest()
    sim.run(1.0)
    with pf.open_trajectory(path) as run:
        sharpness = run.observable("sharpness")[1]
        assert_array_equal(sharpness[[0, -1]], [first, sim.hessian.largest()])
        assert_array_equal(run.observable("edge_of_stability")[1], 200.0)


def test_where_it_is_not_defined():
    """A knot on a sample, the euclidean metric, dead neurons alone."""
    one = pf.Simulation(SAMPLES, pf.Neurons([1.0, 0.7], [-SAMPLES.x[2], 0.2], [1.0, 1.0]),
                        pf.GradientDescent(1e-3))  # fmt: skip
    assert math.isnan(one.hessian.largest())
    assert np.isnan(one.hessian.eigenvalues(2)).all()
    two = pf.Simulation(SAMPLES, pf.initialise("reduced", 20, seed=1), metric="euclidean")
    with pytest.raises(pf.ConfigError, match="Hessian: needs metric = 'network'"):
        _ = two.hessian
    dead = pf.Simulation(SAMPLES, pf.Neurons([1.0, 1.0], [-9.0, -8.0], [1.0, -1.0]), decay=0.5)
    assert dead.hessian.largest() == 0.5
    assert_array_equal(dead.hessian.eigenvalues(6), 0.5)
    for wrong in (np.ones((3, 3)), np.ones(6), "v"):
        with pytest.raises(pf.ConfigError, match="vector: expected"):
            dead.hessian.product(wrong)


@pytest.mark.parametrize("s", [1, 2, 16, 17, 90])
def test_the_largest_rate_of_a_tangent_kernel(s):
    random = np.random.default_rng(s)
    x = np.sort(random.uniform(-1.0, 1.0, s))
    root = random.standard_normal((2 * s, 2, 2))
    sums = np.ascontiguousarray((root @ root.transpose(0, 2, 1)).reshape(2 * s, 4)[:, [0, 1, 3]])
    expected = np.linalg.eigvalsh(kernel_matrix(sums, x))[-1]
    assert largest_rate(sums, extended(x)) == pytest.approx(expected, rel=1e-12)
    assert largest_rate(0.0 * sums, extended(x)) == 0.0
    assert largest_rate(np.inf * sums, extended(x)) == math.inf
