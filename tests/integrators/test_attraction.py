"""Samples that cease to attract inside a step: it ends there, where that matters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow.kernels.host import attraction, field
from particleflow.kernels.rays import attracted_sign, pulls
from particleflow.kernels.records import Arrival, Limits, Samples


def problem(seed):
    """Few samples far apart, a hundred neurons, and a time in which some are held and let go."""
    random = np.random.default_rng(seed)
    s = random.integers(3, 8)
    samples = pf.Samples(3e3 * np.sort(random.uniform(-1.0, 1.0, s)), random.standard_normal(s))
    knots, sign = 3.5e3 * random.uniform(-1.0, 1.0, 100), random.choice([-1.0, 1.0], 100)
    theta, scale = np.arctan2(-sign * knots, sign), 10.0 ** random.uniform(-1.0, 1.0)
    neurons = pf.Neurons.from_reduced(scale * random.uniform(-1.0, 1.0, 100), theta, -1.0)
    return samples, neurons, 50.0 / (np.mean(neurons.a**2 + neurons.c**2) * s * 1e6)


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


def simulate(samples, neurons, until, **settings):
    sim = pf.Simulation(samples, neurons, pf.Boost(**settings))
    sim.run(until)
    return sim


@pytest.mark.parametrize("seed", [50, 140, 325, 433])
def test_the_tolerance_bounds_what_letting_go_does(seed):
    """When steps did not end there, the errors were 517, 171, 65 and 41 tolerances."""
    samples, neurons, until = problem(seed)
    fine = simulate(samples, neurons, until, step=until / 4000)
    again = simulate(samples, neurons, until, step=until / 2000)
    allowed = 1e-6 * samples.spread
    assert rms(fine.residual - again.residual) < 0.2 * allowed
    sim = simulate(samples, neurons, until, tolerance=1e-6)
    assert rms(sim.residual - fine.residual) < 0.5 * allowed
    assert sim.step < 1500  # and steps are not many because of it


@pytest.mark.parametrize("seed", range(40))
def test_when_a_pull_is_lost(seed):
    """Of a parabola that falls: its root, and what it does on the wrong side of that."""
    random = np.random.default_rng(seed)
    begin, end = 10.0 ** random.uniform(-18.0, 1.0), -random.uniform(0.01, 2.0)
    mean = random.uniform((begin + 2.0 * end) / 3.0, (2.0 * begin + end) / 3.0)
    q, wrong = attraction._loss_of_pull(begin, mean, end)

    def pull(at):
        linear, square = 6.0 * mean - 4.0 * begin - 2.0 * end, 3.0 * (begin + end) - 6.0 * mean
        return begin + at * (linear + at * square)

    fractions = (np.arange(10**5) + 0.5) / 10**5
    values = pull(fractions)
    assert_allclose([pull(0.0), values.mean(), pull(1.0)], [begin, mean, end], atol=1e-9)
    assert 0.0 < q < 1.0
    assert_allclose(pull(q), 0.0, atol=1e-12)
    # a mean that still attracts holds a neuron to the end, another lets it go at the begin
    expected = -values[fractions > q].sum() if mean > 0.0 else values[fractions < q].sum()
    assert_allclose(wrong, expected / 10**5, atol=1e-4)
    assert wrong >= 0.0


@pytest.mark.parametrize("mean", [1e-3, -1e-10])
def test_a_pull_that_has_decayed_does_little_wrong(mean):
    """A parabola would end a long step again and again, at a third of what is left."""
    q, wrong = attraction._loss_of_pull(1.0, mean, -1e-9)
    assert 0.0 < q < 1.0
    assert 0.0 <= wrong <= 1e-9


def signs(rho, xt, x):
    """With which sign of c each ray attracts, 0 if it does not."""
    g = np.empty((2 * x.size, 2))
    field.field(rho, xt, g)
    return np.array([attracted_sign(r, *pulls(r, g, x), x.size) for r in range(2 * x.size)])


@pytest.mark.parametrize("seed", range(30))
def test_a_step_ends_where_the_first_sample_ceases_to_attract(seed):
    random = np.random.default_rng(seed)
    s, h = 6, 0.05  # short: the pulls fall or rise all the time
    x = np.sort(random.uniform(-1.0, 1.0, s))
    xt = np.sqrt(random.uniform(0.5, 2.0, s))[:, None] * np.stack([x, np.ones(s)], axis=1)
    root = random.standard_normal((2 * s, 2, 2))
    root = 0.3 * root @ root.transpose(0, 2, 1)
    sums = np.ascontiguousarray(root.reshape(2 * s, 4)[:, [0, 1, 3]])
    rho = random.standard_normal(s)
    kernel = np.empty((s, s))
    field.tangent_kernel(sums, xt, kernel)
    mean, last = rho.copy(), rho.copy()  # by Taylor's series of exp(-h H) rho
    term = rho
    for n in range(1, 60):
        term = -h * kernel @ term / n
        mean, last = mean + term / (n + 1), last + term
    first = Arrival(rho, sums, np.ones(2 * s), np.zeros(5, np.int64), np.array([1.0, 0.0]))
    samples, loose = Samples(x, np.zeros(s), xt), Limits(np.inf, 0.0, h, 1, 0.0)
    assert attraction.end_of_attraction(first, sums, mean, samples, h, loose) == h
    tight = loose._replace(allowed=1e-12)
    end = attraction.end_of_attraction(first, sums, mean, samples, h, tight)
    none = first._replace(held=np.zeros(2 * s))
    assert attraction.end_of_attraction(none, sums, mean, samples, h, tight) == h

    def at(q):
        """The residuals on the parabola with these ends and this mean."""
        slope, square = 6.0 * mean - 4.0 * rho - 2.0 * last, 3.0 * (rho + last) - 6.0 * mean
        return rho + q * (slope + q * square)

    begin = signs(rho, xt, x)
    let_go = (begin != 0.0) & (signs(last, xt, x) != begin)
    assert (end < h) == let_go.any()
    if let_go.any():
        assert (signs(at(end / h - 1e-9), xt, x) == begin)[let_go].all()
        assert (signs(at(end / h + 1e-9), xt, x) != begin)[let_go].any()
