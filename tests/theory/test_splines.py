"""Proposition 6: kernels by quadrature, their interpolants, and wide networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

import particleflow as pf
from particleflow.theory import (
    NetworkInterpolant,
    SplineInterpolant,
    distance,
    natural_spline,
    network_kernel,
    spline_kernel,
)

X = np.array([-0.9, -0.5, 0.1, 0.3, 0.8])
Y = np.array([1.0, -0.5, 0.3, 0.4, -1.0])


@pytest.mark.parametrize("kind", ["K1", "K2"])
def test_kernels_are_their_integrals(kind):
    k0, k1 = -1.3, 1.1
    for x in (-1.3, -0.4, 0.2, 1.1):
        for other in (-1.0, 0.2, 0.9):
            right, _ = quad(lambda t, p, q: (p - t) * (q - t), k0, min(x, other), (x, other))
            left, _ = quad(lambda t, p, q: (t - p) * (t - q), max(x, other), k1, (x, other))
            expected = right if kind == "K1" else 0.5 * (right + left)
            assert_allclose(spline_kernel(kind, x, other, k0, k1), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["K1", "K2"])
def test_kernels_are_those_printed(kind):
    k0, k1 = -2.0, 1.5
    lower, upper = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
    one = -(2 * k0 + lower - 3 * upper) * (k0 - lower) ** 2 / 6
    two = one / 2 + (2 * k1 - 3 * lower + upper) * (k1 - upper) ** 2 / 12
    for first, second in ((lower, upper), (upper, lower)):
        assert_allclose(
            spline_kernel(kind, first, second, k0, k1), one if kind == "K1" else two, atol=1e-13
        )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_kernel_of_a_network_is_its_sum(seed, m):
    random = np.random.default_rng(seed)
    a, b = random.standard_normal((2, m))
    a[random.random(m) < 0.2] = 0.0
    x, other = random.uniform(-2, 2, 7), random.uniform(-2, 2, 4)
    features = [np.maximum(np.multiply.outer(p, a) + b, 0.0) for p in (x, other)]
    kernel = network_kernel(a, b, x, other)
    assert_allclose(kernel, features[0] @ features[1].T / m, rtol=0, atol=1e-13)


def test_wide_networks_tend_to_k2_like_one_over_root_m():
    """Random knots on [k0, k1], |a| = 1: K_m to K2 / (k1 - k0) over m = 10^2 .. 10^6."""
    k0, k1 = -1.5, 1.5
    target = spline_kernel("K2", X[:, None], X, k0, k1) / (k1 - k0)
    sizes, errors = 10 ** np.arange(2, 7), []
    for m in sizes:
        squares = []
        for seed in range(24 if m < 10**5 else 6):
            random = np.random.default_rng(seed)
            knots, sign = random.uniform(k0, k1, m), random.choice([-1.0, 1.0], m)
            kernel = network_kernel(sign, -sign * knots, X, X)
            squares.append(np.mean((kernel - target) ** 2))
        errors.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(slope + 0.5) < 0.1
    assert errors[-1] < 2e-3 * np.abs(target).max()


@pytest.mark.parametrize("kind", ["K1", "K2"])
def test_interpolants_are_cubic_splines(kind):
    f = SplineInterpolant(kind, X, Y, -1.4, 1.2)
    assert_allclose(f(X), Y, atol=1e-11)
    pieces = f.pieces()
    assert_allclose(pieces.x, [-1.4, *X, 1.2])
    x = np.linspace(-1.4, 1.2, 301)
    assert_allclose(pieces(x), f(x), rtol=0, atol=1e-11)
    for order in (1, 2):  # C^2
        derivative = pieces.derivative(order)
        assert_allclose(derivative(X - 1e-9), derivative(X + 1e-9), atol=1e-5)
    assert np.abs(np.diff(pieces.derivative(3)(0.5 * (pieces.x[1:] + pieces.x[:-1])))).min() > 0.1
    # where no neuron is active, or all of one kind, f'' = 0
    assert_allclose(pieces.derivative(2)(1.2), 0.0 if kind == "K1" else pieces(1.2, 2), atol=1e-10)


def test_interpolants_tend_to_the_natural_spline():
    """Like 1/k; and none is the natural spline, which bends at other ends."""
    x = np.linspace(X[0], X[-1], 501)
    natural = natural_spline(X, Y)
    assert_allclose(natural(X), Y, atol=1e-14)
    for kind in ("K1", "K2"):
        far = [
            distance(SplineInterpolant(kind, X, Y, -k, k), natural, x) for k in (2.0, 20.0, 40.0)
        ]
        assert far[0] > 1e-3
        assert 1.7 < far[1] / far[2] < 2.3


def test_natural_splines_go_on_straight():
    f = natural_spline(X, Y)
    for end, side in ((X[0], -1.0), (X[-1], 1.0)):
        assert_allclose(f(end, 2), 0.0, atol=1e-12)
        assert_allclose(f(end + 0.5 * side), f(end) + 0.5 * side * f(end, 1), atol=1e-12)
    assert natural_spline([2.0], [3.0])(7.0) == 3.0
    assert_allclose(natural_spline([0.0, 1.0], [0.0, 2.0])([-1.0, 0.5, 2.0]), [-2.0, 1.0, 4.0])


def test_training_output_weights_gives_the_interpolant_of_its_kernel():
    """delta to -infinity: f(inf) - f(0) interpolates y - f(0) with K_m, which is close to K2."""
    knots = np.linspace(-1.5, 1.5, 2001)
    sign = np.where(np.arange(knots.size) % 2 == 0, 1.0, -1.0)
    x = np.linspace(-1, 1, 101)
    f = NetworkInterpolant(sign, -sign * knots, X, Y)
    assert_allclose(f(X), Y, atol=1e-10)
    assert distance(f, SplineInterpolant("K2", X, Y, -1.5, 1.5), x) < 1e-3
    neurons = pf.initialise("reduced", 500, delta=-1e7, antisymmetric=True, seed=0)
    sim = pf.Simulation(pf.Samples(X, Y), neurons, pf.Boost(1e-6))
    sim.run(1.0)
    trained = NetworkInterpolant(neurons.a, neurons.b, X, Y)
    assert distance(sim.predict, trained, x) < 1e-4


@pytest.mark.parametrize(("call", "message"), [
    (lambda: SplineInterpolant("K1", X, Y, X[0], 1.0), r"x\[0\] = -0.9 is k0.*singular"),
    (lambda: SplineInterpolant("K2", X, Y, -1e9, 1e9), "singular to rounding"),
    (lambda: SplineInterpolant("K3", X, Y, -1, 1), "expected one of K1, K2, found 'K3'"),
    (lambda: SplineInterpolant("K2", X, Y, 1, -1), "expected k0 below k1"),
    (lambda: SplineInterpolant("K2", X, Y, -0.5, 1), r"expected all in \[-0.5, 1\]"),
    (lambda: SplineInterpolant("K2", X[::-1], Y, -1, 1), "strictly increasing"),
    (lambda: SplineInterpolant("K2", X, Y[1:], -1, 1), "found 5 and 4"),
    (lambda: NetworkInterpolant([1.0], [1.0], X, Y), "the network is singular.*more neurons"),
    (lambda: distance(np.sin, np.cos, []), "at least 1 point"),
    (lambda: natural_spline([0.0, 0.0], [1.0, 1.0]), "strictly increasing"),
    (lambda: network_kernel([], [], X, X), "at least 1, found 0, 0"),
    (lambda: network_kernel([1.0], [1.0, 2.0], X, X), "found 1, 2 and 1"),
])  # fmt: skip
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert issubclass(pf.SamplesError, ValueError)
