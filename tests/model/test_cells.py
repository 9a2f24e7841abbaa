"""Cells of neurons: where (a, b, c) do not say that a neuron slides, or is dead."""

import numpy as np
import pytest

import particleflow as pf
from particleflow.model.cells import Cells, is_sliding


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A trajectory in single precision of which some neurons slide at the end."""
    path = tmp_path_factory.mktemp("cells") / "run.h5"
    samples = pf.Samples(np.array([-0.97, -0.31, 0.13, 0.77, 1.1]), [1.0, -1.0, 0.5, -0.7, 1.0])
    sim = pf.Simulation(samples, pf.initialise("reduced", 400, delta=1.0, seed=5))
    sim.writers.append(pf.TrajectoryWriter(path, frames=3, precision="float32"))
    sim.run(20.0)
    assert is_sliding(sim.state.cells(), 5).sum() > 5
    return path, samples, sim


def test_a_run_from_a_frame_begins_where_the_frame_was(source):
    path, samples, sim = source
    neurons = pf.Neurons.from_file(path)
    again = pf.Simulation(samples, neurons)
    cells, own = again.state.cells(), sim.state.cells()
    sliding = is_sliding(own, 5)
    np.testing.assert_array_equal(cells[sliding], own[sliding])
    dead = (own == 5) | (own == 20)
    np.testing.assert_array_equal(cells[dead], own[dead])
    knots = neurons.knots[sliding]
    assert np.isin(knots, samples.x).all()
    np.testing.assert_array_equal(knots, samples.x[(own[sliding] - 10) % 5])


def test_neurons_of_a_simulation_go_on_as_they_were(source):
    _, samples, sim = source
    again = pf.Simulation(samples, sim.neurons)
    np.testing.assert_array_equal(again.state.cells(), sim.state.cells())
    np.testing.assert_allclose(again.residual, sim.residual, atol=1e-14)


def test_gradient_descent_starts_sliding_neurons_on_the_inactive_side(source):
    path, samples, sim = source
    again = pf.Simulation(samples, pf.Neurons.from_file(path), pf.GradientDescent(1e-3))
    cells, ray = again.state.cells(), sim.state.cells() - 10
    sliding = is_sliding(sim.state.cells(), 5)
    expected = np.where(ray < 5, ray + 1, ray)[sliding]
    np.testing.assert_array_equal(cells[sliding], expected)


def test_among_other_samples_those_slide_whose_sample_is_there():
    cells = Cells(np.array([-1.0, 0.0, 1.0]), np.array([6 + 1, 6 + 4, 6 + 2, 1], np.int32))
    found = np.array([0, 0, 0, 1], np.int32)
    placed, rays = cells.among(np.array([-2.0, 0.0]), found, slides=True)
    assert rays.tolist() == [1, 3, -1, -1]
    assert placed.tolist() == [4 + 1, 4 + 3, 0, 1]


def test_what_the_trajectory_gives_of_sliding_neurons_is_on_their_samples(source):
    path, samples, _ = source
    with pf.open_trajectory(path) as trajectory:
        sliding = is_sliding(trajectory.cell(-1), 5)
        a, b, _ = trajectory.parameters(-1)
        x = trajectory.knots(-1)[sliding]
        assert np.isin(x, samples.x).all()
        # the engine's own direction of the ray: -b/a differs from x_j by rounding only
        np.testing.assert_allclose(-b[sliding] / a[sliding], x, rtol=4e-16)


def test_cells_have_to_fit():
    with pytest.raises(pf.NeuronsError, match="expected one for each of 2 neurons, found 1"):
        pf.Neurons([1, 2], [0, 0], [1, 1], cells=Cells(np.zeros(2), np.zeros(1, np.int32)))


@pytest.mark.slow
def test_neurons_of_a_run_in_single_precision_still_slide(source):
    path, samples, _ = source
    sim = pf.Simulation(samples, pf.Neurons.from_file(path), state_dtype="float32")
    own = sim.state.cells()
    assert is_sliding(own, 5).sum() > 5
    for dtype in ("float32", "float64"):
        again = pf.Simulation(samples, sim.neurons, state_dtype=dtype)
        sliding = is_sliding(own, 5)
        np.testing.assert_array_equal(again.state.cells()[sliding], own[sliding])
