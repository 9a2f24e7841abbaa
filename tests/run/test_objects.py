"""Objects that never change, copies of those that do, and what is refused by name."""

import copy
import pickle

import numpy as np
import pytest

import particleflow as pf

SAMPLES = pf.Samples.generate("sine", 6)
MASKED = np.ma.masked_values([0.0, 999.0, 2.0, 3.0], 999.0)


def simulation(**options):
    return pf.Simulation(SAMPLES, pf.initialise("reduced", 20, seed=1), **options)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("integrator", [pf.Boost(1e-5), pf.GradientDescent(1e-2), pf.RungeKutta()])
def test_copies_of_simulations_are_independent(make, integrator):
    sim = simulation(integrator=integrator)
    sim.run(0.5)
    before, twin = sim.residual, make(sim)
    np.testing.assert_array_equal(twin.residual, before)
    twin.run(1.0)
    assert sim.time == pytest.approx(0.5)
    np.testing.assert_array_equal(sim.residual, before)
    sim.run(1.0)
    np.testing.assert_array_equal(twin.residual, sim.residual)


def test_simulations_are_not_pickled():
    with pytest.raises(TypeError, match=r"sim\.snapshot\(\).*restore\(\)"):
        pickle.dumps(simulation())


def test_neurons_never_change():
    neurons = pf.Neurons([1.0, 2.0], [0.0, 1.0], [1.0, 1.0])
    for name, value in (("alpha", "x"), ("a", np.zeros(5)), ("other", 1)):
        with pytest.raises(pf.ImmutableError, match=name):
            setattr(neurons, name, value)
    with pytest.raises(pf.ImmutableError):
        del neurons.a


@pytest.mark.parametrize("given", [SAMPLES, SAMPLES.normalised(), pf.initialise("uniform", 3)])
def test_what_was_pickled_is_as_read_only_as_before(given):
    again = pickle.loads(pickle.dumps(given))
    for name in ("x", "y", "network_x", "a", "b", "c"):
        if hasattr(given, name):
            np.testing.assert_array_equal(getattr(again, name), getattr(given, name))
            with pytest.raises(ValueError, match="read-only"):
                getattr(again, name)[0] = 1.0
    copied = copy.deepcopy(given)
    assert type(copied) is type(given)


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: pf.Samples(MASKED, [1, 2, 3, 4]), r"x\[1\] is masked"),
        (lambda: pf.Samples([1, 2, 3, 4], MASKED), r"y\[1\] is masked"),
        (lambda: pf.Neurons([1, 2, 3, 4], MASKED, [1, 2, 3, 4]), r"b\[1\] is masked"),
        (lambda: simulation().predict(MASKED), r"x\[1\] is masked"),
        (lambda: simulation().field(MASKED, 0.0), r"u\[1\] is masked"),
    ],
)
def test_masked_entries_are_refused(act, what):
    with pytest.raises(pf.ParticleflowError, match=what):
        act()


def test_an_array_whose_mask_hides_nothing_is_one():
    assert pf.Samples(np.ma.array([0.0, 1.0]), [0.0, 1.0]).size == 2


def recorded(tmp_path, function):
    sim = simulation()
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5"))
    sim.observables.add("g", function)
    sim.run(0.1)


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda sim: MASKED, r"observable g\[1\] is masked"),
        (lambda sim: [[1], [1, 2]], "observable g: expected numbers, found"),
        (3, "observable g: expected a function of the simulation, found 3"),
    ],
)
def test_observables_that_are_none(tmp_path, function, what):
    with pytest.raises(pf.TrajectoryError, match=what):
        recorded(tmp_path, function)


NEURONS = pf.initialise("uniform", 3)


@pytest.mark.parametrize(
    ("act", "error", "what"),
    [
        (lambda: simulation(integrator="boost"), pf.ConfigError, r"integrator: .*found 'boost'"),
        (lambda: simulation(integrator=pf.Boost), pf.ConfigError, "found the class Boost"),
        (lambda: pf.Simulation(([0], [0]), NEURONS), pf.SamplesError, "samples: .*found tuple"),
        (lambda: pf.Simulation(SAMPLES, ([0], [1])), pf.NeuronsError, "neurons: .*found tuple"),
        (lambda: pf.Simulation(NEURONS, SAMPLES), pf.SamplesError, "samples: .*found Neurons"),
        (lambda: simulation(threads=1.0), pf.DeviceError, "threads: expected a whole number"),
        (lambda: simulation().predict("abc"), pf.ConfigError, "x: expected numbers, found 'abc'"),
        (lambda: simulation().field("a", 1.0), pf.ConfigError, "u: expected numbers, found 'a'"),
        (lambda: simulation().run("2.0"), pf.ConfigError, "until: expected a number, found '2.0'"),
        (lambda: pf.Boost("1e-3"), pf.ConfigError, "tolerance: expected a number"),
        (lambda: pf.open_trajectory(3), pf.TrajectoryError, "expected a path, found 3"),
        (lambda: pf.TrajectoryWriter(3), pf.TrajectoryError, "expected a path, found 3"),
        (
            lambda: pf.TrajectoryWriter("a.h5", observables="loss"),
            pf.TrajectoryError,
            "observables: expected a list of names, found 'loss'",
        ),
        (
            lambda: pf.initialise("grid", 3, samples=([0], [1])),
            pf.NeuronsError,
            "samples: expected Samples, found tuple",
        ),
    ],
)
def test_wrong_kinds_of_arguments(act, error, what, here):
    with pytest.raises(error, match=what):
        act()


@pytest.mark.parametrize("writer", ["u.h5", pf.TrajectoryWriter])
def test_what_is_no_writer(writer):
    sim = simulation()
    sim.writers.append(writer)
    with pytest.raises(pf.TrajectoryError, match="writers: expected a TrajectoryWriter, found"):
        sim.run(0.1)


def test_pytorch_networks_are_divided_by_nothing():
    assert pf.initialise("pytorch", 100).alpha == 1.0
    assert pf.initialise("pytorch", 100, alpha="m").alpha == 100.0
    assert pf.Initialisation("pytorch", 100).alpha == 1.0
    assert pf.initialise("gaussian", 100).alpha == 100.0


@pytest.mark.parametrize("until", [True, "1", [1.0, 2.0], np.array([1.0, 2.0]), None])
def test_an_end_that_is_no_number_is_refused(until):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 20))
    with pytest.raises(pf.ConfigError, match="until: expected a number, found"):
        sim.run(until)
