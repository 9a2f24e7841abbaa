"""Samples: validation, CSV, generators, normalisation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.model.generated import KINDS


def test_samples_are_sorted_and_read_only():
    x, y = np.array([2.0, -1.0, 0.5]), np.array([20.0, -10.0, 5.0])
    samples = pf.Samples(x, y)
    assert_array_equal(samples.x, [-1.0, 0.5, 2.0])
    assert_array_equal(samples.y, [-10.0, 5.0, 20.0])
    x[0] = 7.0
    assert samples.x[2] == 2.0
    with pytest.raises(ValueError, match="read-only"):
        samples.x[0] = 1.0
    with pytest.raises(AttributeError):
        samples.x = x


@pytest.mark.parametrize(("x", "y", "message"), [
    ([], [], "at least 1 sample, found none"),
    ([1, 1], [1e200, -1e200], "too large to compute with"),
    ([0, 1], [1, 2, 3], "equal lengths, found 2 and 3"),
    ([0, np.nan], [1, 2], r"x\[1\] is nan"),
    ([0, 1], [1, np.inf], r"y\[1\] is inf"),
    ([[0, 1]], [1, 2], r"one dimension, found shape \(1, 2\)"),
    (["a", "b"], [1, 2], "expected numbers"),
    ([0, 1], [1j, 2], "y: expected numbers, found complex128"),
    ([0, 1], [1e200, -1e200], "too large to compute with"),
])  # fmt: skip
def test_bad_samples(x, y, message):
    with pytest.raises(pf.SamplesError, match=message):
        pf.Samples(x, y)


def test_csv_with_spaces_in_its_name(tmp_path):
    path = tmp_path / "my samples.csv"
    path.write_text("\ufeffx, y\r\n1, 2.5\r\n-3e-1,4\r\n\r\n", encoding="utf-8")
    samples = pf.Samples.from_csv(path)
    assert_array_equal(samples.x, [-0.3, 1.0])
    assert_array_equal(samples.y, [4.0, 2.5])


def test_missing_csv(tmp_path):
    with pytest.raises(pf.SamplesError, match="no such file"):
        pf.Samples.from_csv(tmp_path / "none.csv")
    with pytest.raises(pf.SamplesError, match="is a folder"):
        pf.Samples.from_csv(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_generators(kind):
    samples = pf.Samples.generate(kind, 21, seed=3)
    assert samples.size == 21
    assert (samples.x[0], samples.x[-1]) == (-1.0, 1.0)
    assert np.abs(samples.y).max() <= 1.0
    assert np.ptp(samples.y) > 0.3
    assert_array_equal(samples.y, pf.Samples.generate(kind, 21, seed=3).y)
    noisy = pf.Samples.generate(kind, 21, noise=0.1, seed=3)
    assert 0.03 < np.std(noisy.y - samples.y) < 0.3


def test_the_square_wave_of_the_appendix():
    for count in (2, 3, 5):  # all on zeros of the sine
        assert_array_equal(pf.Samples.generate("sine", count).y, 0.0)
    assert_array_equal(pf.Samples.generate("square_wave", 10).y, [1, 1, 1, -1, -1, 1, 1, -1, -1, 1])


def test_bad_generators():
    with pytest.raises(pf.SamplesError, match="kind: expected one of square_wave"):
        pf.Samples.generate("cube", 10)
    with pytest.raises(pf.SamplesError, match="count: expected at least 2, found 0"):
        pf.Samples.generate("sine", 0)
    with pytest.raises(pf.SamplesError, match="noise: expected 0 or more"):
        pf.Samples.generate("sine", 5, noise=-1.0)


def test_normalisation_records_its_map():
    x = np.array([1871.0, 1880.5, 1970.0])
    samples = pf.Samples(x, [1.0, 2.0, 3.0]).normalised()
    twice = samples.normalised()
    for one in (samples, twice):
        assert (one.network_x[0], one.network_x[-1]) == (-1.0, 1.0)
        assert one.x.tolist() == x.tolist()
        assert_allclose(one.x_shift + one.x_scale * one.network_x, x, rtol=1e-15)


def test_spread_is_the_unit_of_errors():
    assert pf.Samples([0, 1], [3.0, 5.0]).spread == 1.0
    assert pf.Samples([0, 1], [0.25, 0.25]).spread == 1.0
    assert pf.Samples([0, 1], [-7.0, -7.0]).spread == 7.0
