"""Times inside a step of `boost` that a single pass misses, although another reaches the end."""

import numpy as np
import pytest
from drive import flow_of

import particleflow as pf
from particleflow.backend import ARRIVED
from particleflow.backend.fields import extended
from particleflow.kernels.events import TALLIES
from particleflow.kernels.host.control import LOST_INSIDE
from particleflow.kernels.host.steps import steps_by_passes
from particleflow.kernels.records import Arrival, Control, Flow, Limits, Shown


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
    before = flow.snapshot()
    assert flow.take_steps(inside, 0) == ARRIVED
    assert flow.shown == inside
    assert 0.0 < np.abs(sim.residual - by_a_pass).max() < 1e-3 * sim.samples.spread
    shown = sim.state.variables.copy()
    assert flow.take_steps(flow.end, 0) == ARRIVED  # the end is as it was
    assert flow.shown == flow.end
    again, flow = in_a_step()
    flow.restore(before, inside)
    assert np.array_equal(again.state.variables, shown)


def test_a_time_inside_a_step_that_nothing_reaches():
    sim, flow = in_a_step()
    flow._first.covariances[:] = 1e200
    with pytest.raises(pf.IntegrationError, match="the tangent kernel is too large"):
        sim._motion.advance(flow.begin + 0.5 * (flow.end - flow.begin))
    assert flow.shown == flow.begin


@pytest.mark.parametrize("changes", [3, -1])
def test_a_pass_of_many_ranks_or_of_a_device_that_fails(changes):
    x, s = np.array([-1.0, 1.0]), 2
    arrival = Arrival(np.ones(s), np.ones((2 * s, 3)), np.ones(2 * s), np.zeros(TALLIES, np.int64))
    control = Control(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros(6, np.int64))
    there, asked = (
        Arrival(np.ones(s), np.ones((2 * s, 3)), np.ones(2 * s), np.zeros(TALLIES, np.int64)),
        [],
    )

    def run_pass(begin, end, mean, h, into):
        asked.append((begin, end, h, into))
        return changes

    status = steps_by_passes(
        Flow("begin", "end", arrival, arrival, np.zeros((2 * s, 3))), run_pass, None, extended(x),
        control, Limits(1e-3, 0.0, 1.25, 0), Shown("between", there),
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
        Arrival(np.ones(s), np.ones((2 * s, 3)), np.ones(2 * s), np.zeros(TALLIES, np.int64))
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
        Flow("begin", "end", first, last, np.zeros((2 * s, 3))), run_pass, None, extended(x),
        control, Limits(1e-3, 0.0, 1.25, 0), Shown("between", there),
    )  # fmt: skip
    assert status == outcome
    assert len(means) == passes
    assert (means[-1] < means[0]).all() == (passes == 2)
