"""Weights of neurons: what is accepted, files, merging, and neurons of equal weights."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.model.measure import effective_number

RANDOM = np.random.default_rng(4)
A, B, C = RANDOM.standard_normal((3, 6))
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 1.5, 3.0])
X = np.linspace(-2.0, 2.0, 41)


def function_of(neurons, x=X):
    """f of the definition, sum w c [a x + b]_+, in hat units."""
    w = np.full(neurons.size, 1 / neurons.size) if neurons.weights is None else neurons.weights
    return np.maximum(np.outer(x, neurons.a) + neurons.b, 0.0) @ (w * neurons.c)


def test_weights_have_the_sum_one():
    neurons = pf.Neurons(A, B, C, weights=WEIGHTS)
    assert_allclose(neurons.weights, WEIGHTS / 8.0, rtol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        neurons.weights[0] = 1.0
    assert_array_equal(pf.Neurons(A, B, C, weights=neurons.weights).weights, neurons.weights)
    # a sum that is nearly 1 is not taken as 1
    assert pf.Neurons(A, B, C, weights=1.005 * neurons.weights).weights.sum() == pytest.approx(
        1.0, abs=1e-15
    )
    tiny = pf.Neurons(A, B, C, weights=[1.0, 1, 1, 1, 1, 1e-150]).weights
    assert tiny[5] == 0.0
    assert pf.Neurons(A, B, C, weights=[1.0, 1, 1, 1, 1, 1e-50]).weights[5] > 0.0
    assert_allclose(pf.Neurons(A, B, C, weights=5e307 * WEIGHTS).weights, WEIGHTS / 8.0)


@pytest.mark.parametrize("value", [1.0, 1e-300, 7])
def test_equal_weights_are_none(value):
    assert pf.Neurons(A, B, C, weights=np.full(6, value)).weights is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0, 1, 1, 1, 1], "weights[1] is -1: expected 0 or more"),
        ([1.0, np.nan, 1, 1, 1, 1], "weights[1] is nan: expected a finite number"),
        (np.zeros(6), "weights: all are 0: expected one above 0"),
        (np.ones(5), "weights: expected 6, one a neuron, found 5"),
        (np.ones((6, 1)), "weights: expected one dimension, found shape (6, 1)"),
        ("equal", "weights: expected numbers, found 'equal'"),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises(pf.NeuronsError) as problem:
        pf.Neurons(A, B, C, weights=weights)
    assert str(problem.value) == message


@pytest.mark.parametrize("ending", ["npz", "csv"])
@pytest.mark.parametrize("alpha", ["m", 2.0])
def test_files_have_weights(tmp_path, ending, alpha):
    path = tmp_path / f"some neurons.{ending}"
    neurons = pf.Neurons.from_parameters(A, B, C, alpha, weights=WEIGHTS)
    neurons.to_file(path)
    again = pf.Neurons.from_file(path, alpha=alpha)
    assert_array_equal(again.weights, neurons.weights)
    assert_allclose(function_of(again), function_of(neurons), rtol=1e-14)
    assert again.fingerprint() != pf.Neurons.from_parameters(A, B, C, alpha).fingerprint()


def test_a_csv_with_another_fourth_column(tmp_path):
    path = tmp_path / "n.csv"
    path.write_text("a,b,c,mass\n1,2,3,4\n")
    with pytest.raises(pf.NeuronsError, match=r"expected the header a,b,c or a,b,c,weights, found"):
        pf.Neurons.from_file(path)
    path.write_text("a,b,c,weights\n1,2,3,4\n1,2,4,-1\n")
    with pytest.raises(pf.NeuronsError, match=r"n\.csv: weights\[1\] is -1: expected 0 or more"):
        pf.Neurons.from_file(path)


def test_parts_keep_the_weights_that_they_have_among_all():
    part = pf.Neurons(A, B, C, weights=WEIGHTS).part(1, 4)
    assert_array_equal(part.weights, WEIGHTS[1:4] / 8.0)


def test_pickled_neurons_have_weights():
    neurons = pf.Neurons(A, B, C, weights=WEIGHTS)
    assert_array_equal(pickle.loads(pickle.dumps(neurons)).weights, neurons.weights)


def test_neurons_of_equal_weights_with_the_same_function():
    neurons = pf.Neurons(A, B, C, alpha=3.0, weights=WEIGHTS)
    equal = neurons.unweighted()
    assert equal.weights is None
    assert equal.alpha == 3.0
    assert_allclose(function_of(equal), function_of(neurons), rtol=1e-13)
    assert equal.a[2] == equal.b[2] == equal.c[2] == 0.0  # the tracer
    kernel = pf.theory.network_kernel(equal.a, equal.b, X, X)
    active = np.maximum(np.outer(X, A) + B, 0.0)
    assert_allclose(kernel, active * WEIGHTS / 8.0 @ active.T, atol=1e-13)
    plain = pf.Neurons(A, B, C)
    assert plain.unweighted() is plain


def test_merging():
    """Neurons 0, 2 and 5 are one, and so are 1 and 3."""
    which = np.array([0, 1, 0, 1, 2, 0, 3])
    neurons = pf.Neurons(A[which], B[which], C[which], alpha=14.0)
    merged = neurons.merged()
    assert_array_equal(merged.a, A[:4])
    assert_allclose(merged.weights, np.array([3, 2, 1, 1]) / 7.0, rtol=1e-15)
    assert_allclose(function_of(merged), function_of(neurons), rtol=1e-13)
    # raw parameters, sqrt(alpha / m) times the hat ones, are those that they were
    assert merged.alpha / merged.size == pytest.approx(neurons.alpha / neurons.size)
    weighted = pf.Neurons(A[which], B[which], C[which], weights=np.arange(1.0, 8.0)).merged()
    assert_allclose(weighted.weights * 28.0, [10.0, 6.0, 5.0, 7.0], rtol=1e-15)
    assert pf.Neurons(A, B, C).merged().weights is None


def test_merging_keeps_neurons_of_other_cells_apart():
    x = np.array([-1.0, 0.0, 1.0])
    cells = pf.Simulation(pf.Samples(x, x), pf.Neurons(A, B, C)).neurons.cells
    slides = np.array([2, 6 + 1], np.int32)  # in sector 2, and sliding on ray 1
    neurons = pf.Neurons([1.0, 1.0], [0.0, 0.0], [1.0, 1.0], cells=cells._replace(cell=slides))
    merged = neurons.merged()
    assert merged.cells.cell.tolist() == [2, 7]
    assert neurons.part(1, 2).cells.cell.tolist() == [7]


def test_reduced_neurons_with_weights():
    neurons = pf.Neurons.from_reduced([1.0, 2.0], [0.1, 0.2], 1.0, weights=[1.0, 3.0])
    assert_allclose(neurons.weights, [0.25, 0.75])


def test_an_array_that_was_meant_as_weights(tmp_path):
    path = tmp_path / "n.npz"
    np.savez(path, a=A, b=B, c=C, mass=WEIGHTS)
    with pytest.raises(
        pf.NeuronsError, match=r"n\.npz: expected the array of weights to be called"
    ):
        pf.Neurons.from_file(path)


def test_effective_number():
    assert effective_number(np.full(50, 0.02)) == pytest.approx(50.0)
    assert effective_number(np.array([1.0, 0.0])) == 1.0


def test_theory_with_weights():
    """Shares of neurons, by copies of each."""
    copies = np.array([1, 3, 2, 1, 4, 2])
    many = [np.repeat(v, copies) for v in (A, B, C)]
    x = np.linspace(-1.5, 1.5, 5)
    one = pf.theory.near_samples(x, A, B, C, 0.15, weights=copies)
    two = pf.theory.near_samples(x, *many, 0.15)
    assert 0.0 < two.share < 1.0
    assert_allclose(one, two, rtol=1e-14)
    cells, other = RANDOM.integers(0, 10, (2, 6))
    assert pf.theory.activation_distance(cells, other, 5, weights=copies) == pytest.approx(
        pf.theory.activation_distance(np.repeat(cells, copies), np.repeat(other, copies), 5)
    )
