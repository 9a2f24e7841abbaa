"""States at times inside a step of `boost` that are not finite, although the end of the step is."""

import numpy as np
import pytest
from drive import flow_of

import particleflow as pf
from particleflow.backend import ARRIVED, OVERFLOWN_INSIDE
from particleflow.backend.fields import extended
from particleflow.kernels.events import TALLIES
from particleflow.kernels.host.steps import steps_by_passes
from particleflow.kernels.records import Arrival, Control, Flow, Limits, Shown


def in_a_step():
    samples = pf.Samples.generate("square_wave", 6)
    sim = pf.Simulation(samples, pf.initialise("reduced", 50, seed=1), pf.Boost(1e-3))
    sim.run(0.5)
    flow = flow_of(sim)
    assert flow.end > 0.5
    return sim, flow


def test_a_compiled_pass_that_fails():
    sim, flow = in_a_step()
    flow._change[:] = 1e300  # as if the tangent kernel had all but overflown within the step
    inside = flow.begin + 0.5 * (flow.end - flow.begin)
    assert flow.take_steps(inside, 0) == OVERFLOWN_INSIDE
    assert flow.shown == flow.begin
    assert flow.take_steps(flow.end, 0) == ARRIVED  # the end is as it was
    assert flow.shown == flow.end
    with pytest.raises(pf.IntegrationError, match="the state overflows inside the step"):
        sim._motion.advance(inside)


@pytest.mark.parametrize("changes", [3, -1])
def test_a_pass_of_many_ranks_or_of_a_device_that_fails(changes):
    x, s = np.array([-1.0, 1.0]), 2
    arrival = Arrival(np.ones(s), np.ones((2 * s, 3)), np.zeros(TALLIES, np.int64))
    control = Control(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros(6, np.int64))
    there, asked = Arrival(np.ones(s), np.ones((2 * s, 3)), np.zeros(TALLIES, np.int64)), []

    def run_pass(begin, end, mean, h, into):
        asked.append((begin, end, h, into))
        return changes

    status = steps_by_passes(
        Flow("begin", "end", arrival, arrival, np.zeros((2 * s, 3))), run_pass, None, extended(x),
        control, Limits(1e-3, 0.0, 1.25, 0), Shown("between", there),
    )  # fmt: skip
    assert status == (ARRIVED if changes >= 0 else OVERFLOWN_INSIDE)
    assert asked == [("begin", "between", 0.25, there)]


@pytest.mark.parametrize("rise", [0.9e-3, 1.1e-3])
def test_a_moment_at_which_the_loss_is_higher_than_at_the_begin_gets_a_second_pass(rise):
    x, s = np.array([-1.0, 1.0]), 2
    first, last, there = (
        Arrival(np.ones(s), np.ones((2 * s, 3)), np.zeros(TALLIES, np.int64)) for _ in range(3)
    )
    control = Control(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros(6, np.int64))
    means = []

    def run_pass(begin, end, mean, h, into):
        means.append(mean.copy())
        into.residual[:] = 1.0 + rise
        into.covariances[:] = 3.0  # H grows, and so the mean residual falls
        return 0

    status = steps_by_passes(
        Flow("begin", "end", first, last, np.zeros((2 * s, 3))), run_pass, None, extended(x),
        control, Limits(1e-3, 0.0, 1.25, 0), Shown("between", there),
    )  # fmt: skip
    assert status == ARRIVED
    assert len(means) == (2 if rise > 1e-3 else 1)
    assert (means[-1] < means[0]).all() == (rise > 1e-3)
