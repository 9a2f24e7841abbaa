"""Reading trajectories: slices in both directions, and what the network is at a frame."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.files.slabs import slabs
from particleflow.trajectory import repack

FRAMES, M = 9, 60
SAMPLES = pf.Samples.generate("square_wave", 7)


def record(path, metric="network", **options):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", M, delta=0.5, seed=3), metric=metric)
    options = {"frames": FRAMES, "precision": "float64"} | options
    sim.writers.append(pf.TrajectoryWriter(path, **options))
    sim.run(4.0)
    return sim


@pytest.fixture(scope="module", params=["frames", "particles, gzip"])
def files(request, tmp_path_factory):
    """A run, as it was written and repacked."""
    path = tmp_path_factory.mktemp("runs") / "a run.h5"
    record(path)
    if request.param != "frames":
        repack(path, path, "particles", "gzip", overwrite=True)
    return path


INDEX = st.one_of(
    st.integers(-FRAMES, FRAMES - 1),
    st.builds(slice, *[st.none() | st.integers(-2 * M, 2 * M)] * 2,
              st.none() | st.integers(-5, 5).filter(bool)),
)  # fmt: skip


@pytest.mark.slow
@given(INDEX, INDEX)
@settings(max_examples=150, deadline=None)
def test_any_slices_are_those_of_the_whole(files, frame, neurons):
    with pf.open_trajectory(files) as traj:
        position = np.stack([traj.position(k) for k in range(FRAMES)])
        cell = np.stack([traj.cell(k) for k in range(FRAMES)])
        knots = np.stack([traj.knots(k) for k in range(FRAMES)])
        assert_array_equal(traj.position(frame, neurons), position[frame][..., neurons, :]
                           if isinstance(frame, slice) else position[frame][neurons])  # fmt: skip
        assert_array_equal(traj.cell(frame, neurons), cell[frame][..., neurons])
        assert_array_equal(traj.knots(frame, neurons), knots[frame][..., neurons])
        unwrapped = np.unwrap(position[..., 1], axis=0)
        assert_array_equal(traj.unwrapped_theta(frame, neurons), unwrapped[frame][..., neurons])


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda t: t.position(FRAMES), "has 9 frames, no frame 9"),
        (lambda t: t.position(-FRAMES - 1), "has 9 frames, no frame -10"),
        (lambda t: t.cell(0, M), "has 60 neurons, no neuron 60"),
        (lambda t: t.neuron(M), "has no neuron 60"),
        (lambda t: t.neuron(-1), "has no neuron -1"),
        (lambda t: t.position(1.5), "frame: expected a whole number or a slice, found 1.5"),
        (lambda t: t.position(None), "frame: expected a whole number or a slice, found None"),
        (lambda t: t.cell(0, [1]), r"neuron: expected a whole number or a slice, found \[1\]"),
        (
            lambda t: t.predict(slice(2), [0.0]),
            r"frame: expected one, found slice\(None, 2, None\)",
        ),
        (lambda t: t.moments(slice(2)), "frame: expected one, found slice"),
        (lambda t: t.knots(FRAMES), "no frame 9"),
        (lambda t: t.predict(FRAMES, [0.0]), "no frame 9"),
        (lambda t: t.moments(FRAMES), "no frame 9"),
        (lambda t: t.curvature(FRAMES), "no frame 9"),
        (lambda t: t.unwrapped_theta(FRAMES), "no frame 9"),
        (lambda t: t.unwrapped_theta(0, M), "no neuron 60"),
    ],
)
def test_what_is_not_there_is_refused(files, read, message):
    with pf.open_trajectory(files) as traj, pytest.raises(pf.RangeError, match=message) as problem:
        read(traj)
    assert str(files) in str(problem.value)


def test_what_was_read_is_the_reader_s_no_more(files):
    with pf.open_trajectory(files) as traj:
        position, cell = traj.position(3), traj.cell(3)
        before = position.copy(), cell.copy()
        position[:], cell[:] = 0, 0
        assert_array_equal(traj.position(3), before[0])
        assert_array_equal(traj.cell(3), before[1])


def test_a_neuron_is_found_by_its_number_in_a_subset(tmp_path):
    record(tmp_path / "all.h5")
    record(tmp_path / "some.h5", neurons=7)
    with pf.open_trajectory(tmp_path / "all.h5") as whole, \
            pf.open_trajectory(tmp_path / "some.h5") as some:  # fmt: skip
        for i in some.ids.tolist():
            assert_array_equal(some.neuron(i), whole.neuron(i))
        assert set(some.ids.tolist()) < set(range(M))
        missing = min(set(range(M)) - set(some.ids.tolist()))
        with pytest.raises(pf.RangeError, match=f"no neuron {missing}"):
            some.neuron(missing)
        with pytest.raises(pf.TrajectoryError, match=r"output\.neurons"):
            some.moments(0)


@pytest.mark.parametrize("metric", ["network", "euclidean"])
@pytest.mark.parametrize("size", [25, 1 << 20], ids=["in pieces", "at once"])
def test_moments_kernel_and_curvature_are_those_of_the_state(tmp_path, metric, size, monkeypatch):
    monkeypatch.setattr("particleflow.trajectory.reader._PIECE", size)
    sim = record(tmp_path / "run.h5", metric)
    s = SAMPLES.size
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        found = traj.moments(-1)
        tolerance = {"rtol": 1e-11, "atol": 1e-12}
        assert_allclose(found.sector_first_moments, sim.state.first_moments()[: 2 * s], **tolerance)
        assert_allclose(found.ray_first_moments, sim.state.first_moments()[2 * s :], **tolerance)
        assert_allclose(found.sector_covariances, sim.sector_covariances(), **tolerance)
        assert_allclose(found.ray_covariances, sim.ray_covariances(), **tolerance)
        assert_array_equal(found.sector_counts, sim.state.cell_counts()[: 2 * s])
        assert_array_equal(found.ray_counts, sim.state.cell_counts()[2 * s : 4 * s])
        assert found.sector_counts.sum() + found.ray_counts.sum() > 0
        assert_allclose(traj.tangent_kernel(-1) @ sim.residual, -sim.residual_rate(), **tolerance)
        if metric == "network":
            assert found.ray_counts.any()
            # f has the slopes that f'' adds up to, between the outermost knots
            measure = traj.curvature(-1)
            inside = measure.knots[np.isfinite(measure.knots)]
            ends = np.array([inside[0] - 1.0, inside[0] - 2.0, inside[-1] + 1.0, inside[-1] + 2.0])
            f = traj.predict(-1, ends)
            assert_allclose(measure.masses.sum(), (f[3] - f[2]) - (f[0] - f[1]), rtol=1e-8)
            assert np.isin(SAMPLES.x, measure.knots).any()  # sliding neurons lie on samples


def test_unwrapped_theta_counts_whole_turns(tmp_path):
    """A field that turns neurons on and on is no flow of ours: the file is made to turn."""
    path = tmp_path / "run.h5"
    record(path)
    turns = np.linspace(0.0, 5.0, M)
    with h5py.File(path, "r+") as file:
        way = np.linspace(0.0, 2.0 * np.pi, FRAMES)[:, None] * turns / 5.0 * 2.9
        theta = np.angle(np.exp(1j * way))
        file["particles/neurons/position/value"][..., 1] = theta
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.unwrapped_theta(-1), way[-1], atol=1e-12)
        assert_allclose(traj.unwrapped_theta(slice(None)), way, atol=1e-12)
        assert_allclose(traj.unwrapped_theta(slice(2, 5), 33), way[2:5, 33], atol=1e-12)
        assert np.abs(traj.position(-1)[:, 1] - way[-1]).max() > 6.0


def test_unwrapped_theta_passes_over_what_is_no_number(tmp_path):
    path = tmp_path / "run.h5"
    record(path)
    way = np.linspace(0.0, 9.0, FRAMES)
    with h5py.File(path, "r+") as file:
        value = file["particles/neurons/position/value"]
        value[:, 4, 1] = np.angle(np.exp(1j * way))
        value[3, 4, 1], value[0, 5, 1], value[4, 6, 1] = np.nan, np.nan, np.inf
    with pf.open_trajectory(path) as traj:
        found = traj.unwrapped_theta(slice(None))
    assert np.flatnonzero(np.isnan(found[:, 4])).tolist() == [3]
    assert_allclose(np.delete(found[:, 4], 3), np.delete(way, 3))
    assert np.isnan(found[0, 5])
    assert np.isfinite(found[1:, 5]).all()
    assert np.flatnonzero(~np.isfinite(found[:, 6])).tolist() == [4]


def test_sliding_neurons_curve_f_on_their_samples(tmp_path):
    """To the bit, though positions are in single precision."""
    record(tmp_path / "run.h5", precision="float32")
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        cell, s = traj.cell(-1), SAMPLES.size
        sliding = (cell >= 2 * s) & (cell < 4 * s)
        assert sliding.any()
        at = SAMPLES.x[(cell[sliding] - 2 * s) % s]
        measure = traj.curvature(-1)
        assert np.isin(at, measure.knots).all()
        angles = traj.position(-1)[sliding, 1].astype(float)
        assert not np.isin(-np.tan(angles), at).all()


def test_points_that_are_none(tmp_path):
    record(tmp_path / "run.h5")
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        with pytest.raises(pf.ConfigError, match="x: expected numbers"):
            traj.predict(0, "a")
        with pytest.raises(pf.ConfigError, match="x: expected finite numbers"):
            traj.predict(0, [np.nan])


def test_a_running_file_is_read_as_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr("particleflow.trajectory.recording.FLUSH_SECONDS", 0.0)
    path = tmp_path / "run.h5"
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", M, seed=3), pf.GradientDescent(1e-3))
    sim.writers.append(pf.TrajectoryWriter(path, frames=201, observables=("loss",)))
    seen, readers = [], []

    def look(sim):
        if not path.exists():
            return 0.0
        if not readers:
            readers.append(pf.open_trajectory(path))  # stays open
        with pf.open_trajectory(path) as new:
            for traj in (readers[0], new):
                frames = traj.frames
                if frames > 1:
                    rows = traj.position(slice(frames - 2, frames), slice(0, 3))
                    assert np.isfinite(rows).all()
                    assert np.abs(rows).min() > 0.0
                    assert traj.neuron(5).shape[0] >= frames
                    assert np.isfinite(traj.unwrapped_theta(frames - 1, 5))
                    seen.append(frames)
        return float(seen[-1] if seen else 0)

    sim.observables.add("seen", look, every=100)
    sim.run(4.0)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    with readers[0] as traj:
        assert traj.is_complete
        assert traj.position(-1).shape == (M, 2)


CHUNK = st.tuples(st.integers(1, 40), st.integers(1, 90))


@given(st.integers(0, 50), st.integers(0, 100), st.lists(CHUNK, min_size=1, max_size=2),
       st.integers(1, 3000))  # fmt: skip
def test_slabs_cover_everything_once_and_are_bounded(frames, n, chunks, most):
    seen = np.zeros((frames, n), int)
    long, wide = chunks[-1]
    for when, which in slabs(frames, n, chunks, most):
        seen[when, which] += 1
        size = (when.stop - when.start) * (which.stop - which.start)
        assert 0 < size <= max(most, min(wide, n) * 1, 1)
        if long * wide <= most:  # whole chunks, or what is left of one at the end
            assert when.start % long == 0
            assert which.start % wide == 0
    assert (seen == 1).all()


@pytest.mark.parametrize("metric", ["network", "euclidean"])
def test_the_field_of_a_frame_is_that_of_the_simulation(tmp_path, metric):
    samples = pf.Samples([1900.0, 1950.0, 1970.0, 2000.0], [0.0, 1.0, -1.0, 0.5]).normalised()
    sim = pf.Simulation(samples, pf.initialise("reduced", 60, delta=0.7, seed=2), metric=metric)
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3, precision="float64"))
    sim.run(1.0)
    u, v = np.meshgrid(np.linspace(-1.0, 1.0, 5), np.linspace(-1.0, 1.0, 5))
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        for sign in (1, -1):
            expected = sim.field(u, v, sign, delta=0.7)
            assert_allclose(trajectory.field(-1, u, v, sign, 0.7), expected, atol=1e-12)
        with pytest.raises(pf.ConfigError, match="sign: expected 1 or -1, found 2"):
            trajectory.field(-1, u, v, 2, 0.7)
