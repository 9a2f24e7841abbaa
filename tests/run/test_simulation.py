"""The loop: times, callbacks, writers, arguments."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf

SAMPLES = pf.Samples.generate("sine", 6)


def make(integrator=None, **options):
    return pf.Simulation(SAMPLES, pf.initialise("gaussian", 30), integrator, **options)


class Recorder:
    """A writer that keeps its calls."""

    def __init__(self, times, fail_at=None):
        self.times, self.fail_at = np.array(times), fail_at
        self.seen, self.closed = [], 0

    def open(self, sim, until):
        self.sim = sim
        return self.times

    def record(self, last=False):
        self.seen.append(self.sim.time)
        if self.sim.time == self.fail_at:
            raise RuntimeError("recorder fails")

    def pause(self, now=False):
        pass

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("integrator", [pf.GradientDescent(0.125), pf.RungeKutta(1e-2)])
def test_writers_see_exactly_their_times(integrator):
    sim = make(integrator)
    one, two = Recorder([0.0, 0.5, 1.0]), Recorder([0.25, 0.5, 2.0])
    sim.writers += [one, two]
    sim.run(2.0)
    assert one.seen == [0.0, 0.5, 1.0]
    assert two.seen == [0.25, 0.5, 2.0]
    assert (one.closed, two.closed, sim.time) == (1, 1, 2.0)


def test_times_between_two_steps_become_the_nearest():
    sim = make(pf.GradientDescent(0.25))
    recorder = Recorder([0.0, 0.3, 0.7, 1.0])
    sim.writers.append(recorder)
    sim.run(1.0)
    assert recorder.seen == [0.0, 0.25, 0.75, 1.0]


def test_all_writers_are_closed_when_one_fails():
    sim = make(pf.GradientDescent(0.125))
    one, two = Recorder([0.0, 0.5], fail_at=0.5), Recorder([0.0, 1.0])
    sim.writers += [one, two]
    with pytest.raises(RuntimeError, match="recorder fails"):
        sim.run(1.0)
    assert (one.closed, two.closed) == (1, 1)


def test_output_times_do_not_change_gradient_descent():
    bits = []
    for times in ([], [0.1, 0.2, 0.9], np.linspace(0, 1, 51)):
        sim = make(pf.GradientDescent(0.01))
        sim.writers.append(Recorder(times))
        sim.run(1.0)
        bits.append(sim.state.parameters().tobytes())
    assert len(set(bits)) == 1


def test_runs_go_on_where_they_stopped():
    one, two = make(pf.GradientDescent(0.01)), make(pf.GradientDescent(0.01))
    one.run(0.4)
    one.run(1.0)
    two.run(1.0)
    assert one.step == two.step == 100
    assert_array_equal(one.residual, two.residual)


def test_threads_are_those_of_the_run_and_then_as_before():
    import numba

    before, seen = numba.get_num_threads(), []
    sim = make(pf.GradientDescent(0.01), threads=1)
    sim.run(1.0, progress=lambda sim: seen.append(numba.get_num_threads()))
    assert set(seen) == {1}
    assert numba.get_num_threads() == before > 1


def test_progress_is_called():
    times = []
    make(pf.GradientDescent(0.01)).run(1.0, progress=lambda sim: times.append(sim.time))
    assert times[-1] == 1.0
    assert (np.diff(times) > 0).all()


def test_what_a_simulation_shows():
    sim = make(pf.GradientDescent(0.01), threads=1)
    neurons = pf.initialise("gaussian", 30)
    assert_array_equal(sim.neurons.a, neurons.a)
    assert_allclose(sim.loss, 0.5 * np.sum(sim.residual**2))
    assert_allclose(sim.predict(SAMPLES.x) - SAMPLES.y, sim.residual, atol=1e-14)
    assert isinstance(sim.predict(0.5).item(), float)
    sim.residual[:] = 0.0
    assert np.abs(sim.residual).max() > 0.0
    assert sim.sector_covariances().shape == (12, 3)
    assert (sim.size, sim.step, sim.time, sim.rejected) == (30, 0, 0.0, 0)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: make(metric="l2"), pf.ConfigError, "metric: expected one of network, euclidean"),
    (lambda: make(device="tpu"), pf.DeviceError, "device: expected one of auto, cpu"),
    (lambda: make(threads=10_000), pf.DeviceError, "threads: expected 1 to"),
    (lambda: make().run(0.0), pf.ConfigError, "until: expected a time after tau = 0"),
    (lambda: make().run(np.nan), pf.ConfigError, "until: expected a finite number"),
    (lambda: make().predict([np.nan]), pf.ConfigError, "x: expected finite numbers"),
    (lambda: make(pf.GradientDescent(1.0)).run(0.1), pf.ConfigError, "at least half a step"),
])  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_start_that_is_not_finite():
    with pytest.raises(pf.IntegrationError, match="step 0"):
        pf.Simulation(SAMPLES, pf.Neurons([1e200] * 3, [1e200] * 3, [1e200] * 3))


@pytest.mark.parametrize("metric", ["network", "euclidean"])
@pytest.mark.parametrize("delta", [-2.0, 0.0, 3.0])
def test_the_field_in_the_uv_plane_is_the_velocity_of_the_particles(metric, delta):
    """(u, v) = |rhat| (cos theta, sin theta) by the chain rule from the three variables."""
    neurons = pf.initialise("reduced", 200, delta=delta, seed=5)
    sim = pf.Simulation(SAMPLES, neurons, metric=metric)
    a, b, c = sim.state.variables
    va, vb, vc = sim.state.velocity()
    u, v = (np.abs(c) * a, np.abs(c) * b)
    for sign in (1, -1):
        own = np.sign(c) == sign
        fu, fv = sim.field(u[own], v[own], sign)
        assert_allclose(fu, (sign * (vc * a + c * va))[own], rtol=1e-9, atol=1e-9)
        assert_allclose(fv, (sign * (vc * b + c * vb))[own], rtol=1e-9, atol=1e-9)


def test_the_field_needs_a_delta():
    sim = make()
    with pytest.raises(pf.ConfigError, match="delta: the neurons differ, from "):
        sim.field(0.5, 0.5)
    with pytest.raises(pf.ConfigError, match="sign: expected 1 or -1, found 2"):
        sim.field(0.5, 0.5, 2, delta=1.0)
    u, v = sim.field(np.zeros((2, 3)), 0.0, delta=1.0)
    assert u.shape == v.shape == (2, 3)
    assert np.isnan(u).all()
