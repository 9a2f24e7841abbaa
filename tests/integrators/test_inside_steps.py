"""Times inside a step of `boost` that a single pass misses, although another reaches the end."""

import numpy as np
import pytest
from drive import flow_of

import particleflow as pf
from particleflow.backend import ARRIVED
from particleflow.backend.fields import extended
from particleflow.kernels.events import CROSSINGS, TALLIES
from particleflow.kernels.host import control
from particleflow.kernels.host.control import LOST_INSIDE
from particleflow.kernels.host.steps import steps_by_passes
from particleflow.kernels.records import Arrival, Control, Flow, Limits, Samples, Shown


def in_a_step():
    samples = pf.Samples.generate("square_wave", 6)
    sim = pf.Simulation(samples, pf.initialise("reduced", 50, seed=1), pf.Boost(1e-3))
    sim.run(0.5)
    flow = flow_of(sim)
    assert flow.end > 0.5
    return sim, flow


def test_a_time_that_a_pass_misses_is_reached_by_steps_inside():
    sim, flow = in_a_step()
    inside = flow.begin + 0.5 * (flow.end - flow.begin)
    assert flow.take_steps(inside, 0) == ARRIVED
    by_a_pass = sim.residual.copy()
    flow._change[:] = 1e300  # as if the tangent kernel had all but overflown within the step
    before = {name: np.array(values) for name, values in flow.snapshot().items()}
    assert flow.take_steps(inside, 0) == ARRIVED
    assert flow.shown == inside
    assert 0.0 < np.abs(sim.residual - by_a_pass).max() < 1e-3 * sim.samples.spread
    shown = sim.state.variables.copy()
    assert flow.take_steps(flow.end, 0) == ARRIVED  # the end is as it was
    assert flow.shown == flow.end
    again, flow = in_a_step()
    flow.restore(before, inside)
    assert np.array_equal(again.state.variables, shown)


@pytest.mark.parametrize("m", [50, 40_000])  # in any order, and sorted
@pytest.mark.parametrize("finer", [0.05, 0.005])
def test_steps_inside_leave_the_run_as_it_is(monkeypatch, m, finer):
    samples = pf.Samples.generate("square_wave", 6)
    sim = pf.Simulation(samples, pf.initialise("reduced", m, seed=1), pf.Boost(1e-3))
    sim.run(3.0)
    flow, tallies, original = flow_of(sim), [], flow_of(sim)._call

    def call(*args):
        begins = args[1].clock[control.BEGIN]
        status = original(*args)
        if args[1].clock[control.END] > max(begins, args[1].clock[control.BEGIN]):
            tallies.append(args[0].last.tally.copy())
        return status

    monkeypatch.setattr(flow, "_call", call)
    flow._change[:] = 1e300
    flow._allowed *= finer  # several steps
    flow._counts[control.UNSORTED] = m  # a sort is due
    parts = flow._at_begin, flow._at_end, flow._first, flow._last, [sim.state.order.ident]
    before = [[np.array(array) for array in part] for part in parts]
    inside = flow.begin + 0.7 * (flow.end - flow.begin)
    assert flow.take_steps(inside, 0) == ARRIVED
    for part, copies in zip(parts, before, strict=True):
        for array, copy in zip(part, copies, strict=True):
            assert np.array_equal(array, copy)
    # the first call is the one that misses the time
    inner = tallies[1:]
    assert len(inner) > 2
    assert np.sum(inner, axis=0)[CROSSINGS] > inner[-1][CROSSINGS]
    assert sim.state.all_crossings() == (flow._first.tally + np.sum(inner, axis=0))[CROSSINGS]
    # what is shown is that of its neurons, each in its place
    assert np.allclose(sim.predict(samples.x) - samples.y, sim.residual, rtol=0, atol=1e-12)
    assert np.allclose(sim.state.delta(), 1.0, rtol=0, atol=1e-9)


def test_a_time_that_is_missed_next_to_the_begin():
    sim, flow = in_a_step()
    flow._change[:] = 1e300
    assert flow.take_steps(flow.begin, 0) == ARRIVED
    begin = sim.state.variables.copy()
    assert flow.take_steps(np.nextafter(flow.begin, 1.0), 0) == ARRIVED
    assert np.array_equal(sim.state.variables, begin)


def test_a_time_inside_a_fixed_step_goes_with_its_end():
    """Long fixed steps raise the loss themselves; what is shown just before is no other state."""
    samples = pf.Samples.generate("square_wave", 10)
    sim = pf.Simulation(samples, pf.initialise("reduced", 200, delta=-1.0), pf.Boost(step=5.0))
    sim.run(4.999999)
    before = sim.residual.copy()
    sim.run(5.0)
    assert np.abs(sim.residual - before).max() < 1e-3 * samples.spread


def test_a_time_inside_a_step_that_nothing_reaches():
    sim, flow = in_a_step()
    flow._first.covariances[:] = 1e200
    with pytest.raises(pf.IntegrationError, match="the tangent kernel is too large"):
        sim._motion.advance(flow.begin + 0.5 * (flow.end - flow.begin))
    assert flow.shown == flow.begin


@pytest.mark.parametrize("changes", [3, -1])
def test_a_pass_of_many_ranks_or_of_a_device_that_fails(changes):
    x, s = np.array([-1.0, 1.0]), 2
    arrival = Arrival(
        np.ones(s),
        np.ones((2 * s, 3)),
        np.ones(2 * s),
        np.zeros(TALLIES, np.int64),
        np.array([1.0, 0.0]),
    )
    control = Control(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros(6, np.int64))
    there, asked = (
        Arrival(
            np.ones(s),
            np.ones((2 * s, 3)),
            np.ones(2 * s),
            np.zeros(TALLIES, np.int64),
            np.array([1.0, 0.0]),
        ),
        [],
    )

    def run_pass(begin, end, mean, h, into):
        asked.append((begin, end, h, into))
        return changes

    status = steps_by_passes(
        Flow("begin", "end", arrival, arrival, np.zeros((2 * s, 3))), run_pass, None,
        Samples(x, np.zeros(s), extended(x)),
        control, Limits(1e-3, 0.0, 1.25, 0, 0.0), Shown("between", there),
    )  # fmt: skip
    assert status == (ARRIVED if changes >= 0 else LOST_INSIDE)
    assert asked == [("begin", "between", 0.25, there)]


@pytest.mark.parametrize(
    ("rises", "passes", "outcome"),
    [([0.9e-3], 1, ARRIVED), ([1.1e-3, 0.9e-3], 2, ARRIVED), ([1.1e-3, 1.1e-3], 2, LOST_INSIDE)],
)
def test_a_pass_that_raises_the_loss_is_made_once_more(rises, passes, outcome):
    x, s = np.array([-1.0, 1.0]), 2
    first, last, there = (
        Arrival(
            np.ones(s),
            np.ones((2 * s, 3)),
            np.ones(2 * s),
            np.zeros(TALLIES, np.int64),
            np.array([1.0, 0.0]),
        )
        for _ in range(3)
    )
    control = Control(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros(6, np.int64))
    means = []

    def run_pass(begin, end, mean, h, into):
        into.residual[:] = 1.0 + rises[len(means)]
        into.covariances[:] = 3.0  # H grows, and so the mean residual falls
        means.append(mean.copy())
        return 0

    status = steps_by_passes(
        Flow("begin", "end", first, last, np.zeros((2 * s, 3))), run_pass, None,
        Samples(x, np.zeros(s), extended(x)),
        control, Limits(1e-3, 0.0, 1.25, 0, 0.0), Shown("between", there),
    )  # fmt: skip
    assert status == outcome
    assert len(means) == passes
    assert (means[-1] < means[0]).all() == (passes == 2)
