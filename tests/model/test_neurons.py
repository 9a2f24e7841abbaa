"""Neurons: coordinates without loss of digits, initialisations, files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf

signs = st.sampled_from([-1.0, 1.0])
sizes = st.floats(-6, 6).map(lambda e: 10.0**e)
ratios = st.floats(-12, 12).map(lambda e: 10.0**e)
angles = st.floats(-np.pi, np.pi, exclude_min=True)


@settings(deadline=None, max_examples=300)
@given(sizes, signs, ratios, st.sampled_from([-1.0, 0.0, 1.0]), angles)
def test_reduced_coordinates_there_and_back(size, sign, ratio, side, theta):
    """To 1e-14; delta relative to D = hypot(delta, 2 rhat), the digits that (a, b, c) can hold."""
    rhat, delta = sign * size, side * ratio * size
    neurons = pf.Neurons.from_reduced([rhat], [theta], [delta])
    scale = np.hypot(delta, 2.0 * rhat)
    assert_allclose(neurons.rhat, rhat, rtol=1e-14)
    assert_allclose(neurons.theta, theta, rtol=0, atol=1e-14)
    assert_allclose(neurons.delta, delta, rtol=0, atol=1e-14 * scale)
    again = pf.Neurons.from_reduced(neurons.rhat, neurons.theta, neurons.delta)
    for one, two in ((neurons.a, again.a), (neurons.b, again.b)):
        assert_allclose(two, one, rtol=0, atol=1e-14 * np.hypot(neurons.a, neurons.b)[0])
    assert_allclose(again.c, neurons.c, rtol=1e-14)


@pytest.mark.parametrize("delta", [-4.0, 0.0, 4.0])
def test_rhat_zero(delta):
    neurons = pf.Neurons.from_reduced([0.0], [0.7], delta)
    n = 2.0 if delta < 0 else 0.0
    assert_allclose(np.hypot(neurons.a, neurons.b), n)
    assert_allclose(neurons.c, 2.0 if delta > 0 else 0.0)
    assert_allclose(neurons.delta, delta)
    assert neurons.rhat == 0.0
    if delta < 0:
        assert_allclose(neurons.theta, 0.7)


def test_no_digits_are_lost_at_the_extremes():
    """The plain form of n^2 gives 0 here."""
    for delta in (1e8, -1e8):
        neurons = pf.Neurons.from_reduced([1e-5], [1.0], delta)
        assert_allclose(neurons.rhat, 1e-5, rtol=1e-14)
    near = pf.Neurons([3.0], [4.0e-9], [np.nextafter(3.0, 4.0)])
    exact = (near.c[0] - 3.0) * (near.c[0] + 3.0) - 1.6e-17
    assert_allclose(near.delta, exact, rtol=1e-15)


def test_raw_and_hat():
    raw = np.random.default_rng(0).standard_normal((3, 50))
    neurons = pf.Neurons.from_parameters(*raw, alpha=2.0)
    assert_allclose([neurons.a, neurons.b, neurons.c], raw * 5.0, rtol=1e-15)
    x = np.linspace(-2, 2, 9)
    f = np.maximum(np.outer(x, raw[0]) + raw[1], 0) @ raw[2] / 2.0
    samples = pf.Samples(x, np.zeros(9))
    assert_allclose(pf.Simulation(samples, neurons).residual, f, rtol=1e-12)
    assert pf.Neurons.from_parameters(*raw).alpha == 50.0


def test_knots():
    assert_array_equal(pf.Neurons([2.0, 0.0, -1.0], [1.0, 1.0, 3.0], [1, 1, 1]).knots,
                       [-0.5, np.nan, 3.0])  # fmt: skip


@pytest.mark.parametrize("kind", ["reduced", "gaussian", "uniform"])
def test_a_neuron_depends_on_seed_and_index_alone(kind):
    big, small = pf.initialise(kind, 70_000, seed=5), pf.initialise(kind, 100, seed=5)
    for name in "abc":
        assert_array_equal(getattr(big, name)[:100], getattr(small, name))
    assert (pf.initialise(kind, 100, seed=6).a != small.a).all()


def test_words_come_from_the_block_of_the_neuron():
    words = np.random.Philox(key=9).random_raw(4 * 11).reshape(11, 4)[10]
    u = words[:3] / 2.0**63 - 1.0
    neurons = pf.initialise("uniform", 11, seed=9, scale=3.0)
    got = [neurons.a[10], neurons.b[10], neurons.c[10]]
    assert_allclose(got, 3.0 * u, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("kind", "spread"), [
    ("gaussian", (1.0, 1.0, 1.0)),
    ("uniform", (1 / 3, 1 / 3, 1 / 3)),
    ("balanced", (1.0, 1.0, 2.0)),
    ("dominated", (1 / 3, 1 / 3, 2.0)),
    ("pytorch", (1 / 3, 1 / 3, 1 / 3 / 20_000)),
    ("paper", (1 / 3, 1 / 3, 1 / 3 / 20_000**2)),
])  # fmt: skip
def test_distributions(kind, spread):
    m = 20_000
    neurons = pf.initialise(kind, m, alpha="m", seed=1)
    for name, variance in zip("abc", spread, strict=True):
        values = getattr(neurons, name)
        assert abs(values.mean()) < 5 * np.sqrt(variance / m)
        assert_allclose(values.var(), variance, rtol=0.05)


def test_reduced_initialisation():
    neurons = pf.initialise("reduced", 20_000, delta=-2.0, scale=0.5, alpha=5_000.0, seed=2)
    kappa2 = 4.0
    assert_allclose(neurons.delta, -2.0 * kappa2, rtol=1e-13)
    assert np.abs(neurons.rhat).max() < 0.5 * kappa2
    assert_allclose(np.var(neurons.rhat / kappa2), 0.25 / 3, rtol=0.05)
    assert_allclose(np.var(neurons.theta), np.pi**2 / 3, rtol=0.05)
    assert_allclose(pf.initialise("reduced", 10).delta, 1.0, rtol=1e-13)


@pytest.mark.parametrize("sampling", ["random", "quiet"])
def test_balanced_and_dominated_neurons(sampling):
    """delta = 0, and |c| at least |(a, b)|; half of the signs are positive, apart from (a, b)."""
    balanced = pf.initialise("balanced", 4096, scale=0.3, sampling=sampling)
    assert_allclose(balanced.delta, 0.0, atol=1e-15)
    dominated = pf.initialise("dominated", 4096, scale=0.3, sampling=sampling)
    assert_allclose(np.abs(dominated.c), 0.3 * np.sqrt(2.0), rtol=1e-15)
    assert (dominated.delta >= 0.0).all()
    for neurons in (balanced, dominated):
        sign = np.sign(neurons.c)
        assert abs(sign.mean()) < 0.1
        assert np.abs(np.corrcoef([sign, neurons.a, neurons.b])[0, 1:]).max() < 0.1


def test_a_scale_over_the_root_of_m():
    """With alpha = 1 it has the hat parameters of the plain scale with alpha = m."""
    one = pf.initialise("gaussian", 400, alpha=1.0, scale="1e-3/sqrt(m)", seed=6)
    two = pf.initialise("gaussian", 400, alpha="m", scale=1e-3, seed=6)
    assert_allclose(one.a, two.a, rtol=1e-14)
    assert one.alpha == 1.0
    again = pf.initialise("gaussian", 400, alpha=1.0, scale=" 1e-3 / sqrt( m ) ", seed=6)
    assert_array_equal(again.c, one.c)


def test_grid():
    samples = pf.Samples([0.0, 2.0], [0.0, 1.0])
    neurons = pf.initialise("grid", 9, samples=samples, margin=0.5)
    assert_allclose(neurons.knots, np.linspace(-1.0, 3.0, 9), atol=1e-15)
    assert_array_equal(neurons.a, [1, -1, 1, -1, 1, -1, 1, -1, 1])
    assert_array_equal(neurons.c, 0.0)


def test_antisymmetric_twins_cancel():
    samples = pf.Samples.generate("sine", 9)
    neurons = pf.initialise("gaussian", 1000, antisymmetric=True, seed=4)
    assert_array_equal(neurons.c[::2], -neurons.c[1::2])
    f = pf.Simulation(samples, neurons).predict(np.linspace(-3, 3, 50))
    assert np.abs(f).max() < 1e-14
    alone = pf.initialise("gaussian", 1000, seed=4)
    assert_array_equal(neurons.a[::2], alone.a[::2])


@pytest.mark.parametrize(("options", "message"), [
    ({"kind": "cubic"}, "init: expected one of reduced"),
    ({"count": 0}, "count: expected at least 1, found 0"),
    ({"count": -3}, "count: expected at least 1, found -3"),
    ({"count": 2.5}, "count: expected a whole number"),
    ({"kind": "gaussian", "delta": 1.0}, "delta: only init"),
    ({"kind": "paper", "scale": 2.0}, 'scale: init = "paper" has none'),
    ({"antisymmetric": True, "count": 5}, "expected an even count, found 5"),
    ({"kind": "grid"}, "expected samples"),
    ({"alpha": 0.0}, "alpha: expected a number above 0"),
    ({"scale": -1.0}, "scale: expected a number above 0"),
    ({"scale": "1e-3/m"}, 'scale: expected a number or a text such as "1e-3/sqrt'),
    ({"scale": "small/sqrt(m)"}, "found 'small/sqrt"),
    ({"scale": "-1/sqrt(m)"}, "scale: expected a number above 0, found -1"),
    ({"scale": "inf/sqrt(m)"}, "scale: expected a finite number, found inf"),
    ({"kind": "pytorch", "scale": "1/sqrt(m)"}, 'scale: init = "pytorch" has none'),
    ({"seed": -1}, "seed: expected at least 0"),
    ({"seed": 2**64}, "seed: expected at most"),
    ({"delta": np.inf}, "delta: expected a finite number"),
])  # fmt: skip
def test_bad_initialisations(options, message):
    with pytest.raises(pf.NeuronsError, match=message):
        pf.initialise(**{"kind": "reduced", "count": 10, **options})


@pytest.mark.parametrize(("arrays", "message"), [
    (([1.0], [1.0, 2.0], [1.0]), r"equal lengths, found \[1, 2, 1\]"),
    (([], [], []), "at least 1 neuron"),
    (([np.nan], [0.0], [0.0]), r"a\[0\] is nan"),
])  # fmt: skip
def test_bad_neurons(arrays, message):
    with pytest.raises(pf.NeuronsError, match=message):
        pf.Neurons(*arrays)


@pytest.mark.parametrize("ending", ["npz", "csv"])
def test_files_there_and_back(tmp_path, ending):
    neurons = pf.initialise("gaussian", 20, alpha=5.0, seed=1)
    path = tmp_path / f"my neurons.{ending}"
    neurons.to_file(path)
    again = pf.Neurons.from_file(path, alpha=5.0)
    for name in "abc":
        assert_allclose(getattr(again, name), getattr(neurons, name), rtol=1e-15)
    assert again.alpha == 5.0


def test_bad_files(tmp_path):
    cases = {
        "n.csv": (b"a,b\n1,2\n", "line 1: expected the header a,b,c"),
        "n.npz": (b"no archive", "expected a NumPy .npz archive"),
        "n.txt": (b"", "expected a file ending in .npz, .csv or .h5, found '.txt'"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(pf.NeuronsError, match=message) as caught:
            pf.Neurons.from_file(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    np.savez(tmp_path / "two.npz", a=[1.0], b=[1.0])
    with pytest.raises(pf.NeuronsError, match="expected arrays a, b, c, found a, b"):
        pf.Neurons.from_file(tmp_path / "two.npz")
    np.savez(tmp_path / "object.npz", a=np.array([{}]), b=[1.0], c=[1.0])
    with pytest.raises(pf.NeuronsError, match=r"expected a NumPy \.npz archive"):
        pf.Neurons.from_file(tmp_path / "object.npz")
    with pytest.raises(pf.NeuronsError, match="no such file"):
        pf.Neurons.from_file(tmp_path / "none.npz")
