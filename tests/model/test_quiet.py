"""Quiet starts: the points of the scrambled Sobol sequence, and the neurons made from them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import qmc

import particleflow as pf
from particleflow.model import quiet
from particleflow.model.quiet import QuietPoints

KINDS = ["reduced", "gaussian", "uniform", "balanced", "dominated", "pytorch", "paper"]


def uniform(points):
    return points / 2.0**64


def test_columns_are_those_of_scipy():
    """Which has the first 2^k points in another order."""
    points = np.zeros((1, 3), np.uint64)
    columns = np.stack([quiet._columns(*one) for one in quiet._POLYNOMIALS])
    for k in range(12):
        points = np.concatenate([points, points ^ columns[:, k]])
    expected = qmc.Sobol(3, scramble=False, bits=64).random_base2(12)
    assert set(map(tuple, uniform(points))) == set(map(tuple, expected))


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_each_of_equal_boxes_holds_as_many_points(seed, pair):
    """2^12 points: one in each box of size 2^-i by 2^(i-12), or two in each of twice that size."""
    points = QuietPoints(seed, 3)(0, 2**12)[:, pair]
    k = 12 if pair == (0, 1) else 11
    for i in range(k + 1):
        rows, columns = (
            points[:, d] >> np.uint64(64 - n) if n else np.zeros(2**12, np.uint64)
            for d, n in ((0, i), (1, k - i))
        )
        boxes = rows.astype(int) * 2 ** (k - i) + columns.astype(int)
        assert_array_equal(np.bincount(boxes, minlength=2**k), 2 ** (12 - k))


def test_a_point_is_uniform_over_seeds():
    found = np.array([uniform(QuietPoints(seed, 2)(5, 6)[0]) for seed in range(2000)])
    assert_allclose(np.mean(found, axis=0), 0.5, atol=4 / np.sqrt(12 * 2000))
    assert_allclose(np.mean(found[:, 0] * found[:, 1]), 0.25, atol=0.02)
    assert np.bincount((16 * found[:, 0]).astype(int), minlength=16).min() > 80


def test_scrambles_differ_between_seeds_and_coordinates():
    """Not only by a shift, which leaves the difference of two points as it is."""
    differences = set()
    for seed in range(50):
        first, second = QuietPoints(seed, 3)(0, 2)
        differences |= set((first ^ second).tolist())
    assert len(differences) > 140
    # column 0 of all coordinates is the same before the scramble
    assert len(set(QuietPoints(4, 3)._columns[:, 0].tolist())) == 3


def test_words_of_the_scramble_are_not_those_of_independent_neurons():
    own = set(np.random.Philox(key=4).random_raw(10_000).tolist())
    points = QuietPoints(4, 3)
    assert not own & set(points._shift.tolist())
    assert QuietPoints(4, 2)._columns[0].tolist()[0] not in own


@pytest.mark.parametrize("n", [64, 1024])
def test_the_mean_of_a_smooth_function_is_far_more_exact(n):
    """Error n^(-3/2) up to logarithms, where independent points have n^(-1/2)."""
    found = [np.prod(np.exp(uniform(QuietPoints(seed, 2)(0, n)) - 0.5), axis=1).mean()
             for seed in range(200)]  # fmt: skip
    exact = (2.0 * np.sinh(0.5)) ** 2
    assert abs(np.mean(found) - exact) < 4.0 * np.std(found) / np.sqrt(200)
    assert np.std(found) < 2.0 * n**-1.4


@pytest.mark.parametrize("first", [0, 3, 2**16 - 2, 2**32 + 5, 10**15])
def test_any_point_at_once(first):
    """Against the definition, digit by digit."""
    points = QuietPoints(3, 3)
    for i, point in enumerate(points(first, first + 5), first):
        expected = points._shift.copy()
        for k in range(i.bit_length()):
            if i >> k & 1:
                expected ^= points._columns[:, k]
        assert_array_equal(point, expected)


def test_every_so_manieth_point_is_spread():
    """A frame shows such neurons; of a plain sequence they lie in one strip of 1 / 128."""
    points = uniform(QuietPoints(0, 3)(0, 128 * 512)[::128])
    for coordinate in points.T:
        assert np.bincount((16 * coordinate).astype(int), minlength=16).min() >= 16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("antisymmetric", [False, True])
def test_a_quiet_neuron_depends_on_seed_and_index_alone(kind, antisymmetric):
    options = {"antisymmetric": antisymmetric, "sampling": "quiet", "alpha": 1.0}
    drawn = pf.Initialisation(kind, 140_000, seed=5, **options)
    whole = drawn.part(0, drawn.size)
    for first, last in ((0, 3), (1, 2), (65_535, 65_539), (131_001, 140_000)):
        part = drawn.part(first, last)
        for name in "abc":
            assert_array_equal(getattr(part, name), getattr(whole, name)[first:last])
    other = pf.initialise(kind, 140_000, seed=6, **options)
    assert (other.a != whole.a).all()


def test_twins_are_as_quiet_as_half_as_many_neurons():
    twins = pf.initialise("gaussian", 200, antisymmetric=True, seed=2, sampling="quiet", alpha=1.0)
    alone = pf.initialise("gaussian", 100, seed=2, sampling="quiet", alpha=1.0)
    assert_allclose(twins.a[::2], np.sqrt(2.0) * alone.a, rtol=1e-14)
    assert_array_equal(twins.a[::2], twins.a[1::2])
    assert_array_equal(twins.c[::2], -twins.c[1::2])


@pytest.mark.parametrize("kind", KINDS)
def test_quiet_neurons_have_the_distribution_of_random_ones(kind):
    """Quantiles of each parameter agree, up to those of 20,000 independent neurons."""
    m = 20_000
    one, two = (pf.initialise(kind, m, seed=1, sampling=how) for how in ("random", "quiet"))
    for name in "ab" if kind == "dominated" else "abc":  # whose c has only two values
        shares = np.linspace(0.01, 0.99, 99)
        there = np.quantile(getattr(one, name), shares)
        found = np.searchsorted(np.sort(getattr(two, name)), there) / m
        assert_allclose(found, shares, atol=0.02)


@pytest.mark.parametrize("delta", [-1.0, 1.0])
def test_f_of_quiet_neurons_is_nearer_to_the_limit(delta):
    samples = pf.Samples.generate("square_wave", 8)

    def f(m, seed, sampling):
        neurons = pf.initialise("reduced", m, delta=delta, seed=seed, sampling=sampling)
        sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
        sim.run(2.0)
        return sim.predict(samples.x)

    limit = f(2**15, 99, "quiet")
    errors = {
        how: np.median([np.abs(f(1000, seed, how) - limit).max() for seed in range(5)])
        for how in ("random", "quiet")
    }
    assert errors["quiet"] < 0.3 * errors["random"]


@pytest.mark.parametrize(("options", "message"), [
    ({"sampling": "sobol"}, "sampling: expected one of random, quiet, found 'sobol'"),
    ({"sampling": None}, "sampling: expected one of random, quiet, found None"),
    ({"kind": "grid", "sampling": "quiet", "samples": pf.Samples([0.0, 1.0], [0.0, 1.0])},
     'sampling: init = "grid" draws nothing'),
    ({"sampling": "quiet", "antisymmetric": True, "count": 5}, "expected an even count, found 5"),
])  # fmt: skip
def test_bad_sampling(options, message):
    with pytest.raises(pf.NeuronsError, match=message):
        pf.initialise(**{"kind": "reduced", "count": 10, **options})


def test_the_representation_names_the_sampling():
    assert "sampling='quiet'" in repr(pf.Initialisation("gaussian", 4, sampling="quiet"))
    assert "sampling='random'" in repr(pf.Initialisation("gaussian", 4))
