"""The controller of the exact flow on made-up passes: errors, verdicts, and what is foretold."""

import numpy as np
import pytest

from particleflow.backend.fields import extended
from particleflow.kernels.events import TALLIES
from particleflow.kernels.host import control, step_errors
from particleflow.kernels.records import Arrival, Control, Limits, Samples

X = np.array([-1.0, 0.0, 1.0])
XT = extended(X)
SAMPLES = Samples(X, np.zeros(3), XT)
LIMITS = Limits(1e-3, 0.0, 10.0, 1, 0.0)


def arrival(residual, covariance):
    """What neurons add up to that are all in sector 0, where every sample is active."""
    covariances = np.zeros((6, 3))
    covariances[0] = covariance, 0.0, covariance
    return Arrival(np.array(residual), covariances, np.zeros(6), np.zeros(TALLIES, np.int64),
                   np.array([1.0, 0.0]))  # fmt: skip


def control_of(begin=0.0, end=0.0, step=0.5):
    return Control(np.array([begin, end, step, 1.0]), np.zeros(6, np.int64))


def errors(first, last, mean, h=0.5):
    return step_errors.first_errors(first, last, SAMPLES, h, LIMITS, np.array(mean), np.empty(3))


def test_what_is_not_a_number_is_no_small_error():
    first, last = arrival([1.0, -1.0, 0.5], 1.0), arrival([0.9, -0.9, 0.4], 1.0)
    for value in (np.nan, np.inf):
        of_field, error = errors(first, last, [value, 0.0, 0.0])
        assert not of_field <= 1e300
        assert not error <= 1e300
        state = control_of()
        control.judge(state, error, LIMITS)
        assert state.counts[control.REJECTED] == 1
    huge = arrival([0.9, -0.9, 0.4], 1e200)
    assert errors(first, huge, [1.0, -1.0, 0.5]) == (np.inf, np.inf)


def test_errors_are_within_what_a_loss_that_does_not_grow_allows():
    first = arrival([2e-5, 0.0, 0.0], 1e6)
    thrown = arrival([0.0, 3e-3, 0.0], 3e6)
    most = (2e-5 + 3e-3) / np.sqrt(3.0) / LIMITS.allowed
    of_field, error = errors(first, thrown, [1.0, 1.0, 1.0])
    assert of_field == error == pytest.approx(most)
    still = arrival([0.0, 0.0, 2.0], 0.0)  # nothing moves, and yet the residuals have grown
    _, error = errors(arrival([0.0, 0.0, 1.0], 0.0), still, [0.0, 0.0, 1.0])
    assert error == pytest.approx(1.0 / np.sqrt(3.0) / LIMITS.allowed)


def test_a_second_pass_is_measured_against_the_first_unless_it_rescues():
    first, last = arrival([1.0, -1.0, 0.5], 0.0), arrival([1.0, -1.0, 0.5], 0.0)
    before = last.residual + np.array([0.0, 0.3, 0.0])
    found = [
        step_errors.second_error(
            first, last, before, rescue, SAMPLES, 0.5, LIMITS, first.residual.copy()
        )
        for rescue in (np.bool_(False), np.bool_(True))
    ]
    assert found == [pytest.approx(0.3 / np.sqrt(3.0) / LIMITS.allowed), 0.0]


@pytest.mark.parametrize(("error", "residual", "covariance", "overshot"), [
    (2.0, 1.5, 1.9, True), (0.9, 1.5, 1.9, False), (np.inf, 1.5, 1.9, False),
    (2.0, 0.9, 1.9, False), (2.0, 1.5, 2.1, False),  # neurons that grow are not held back
])  # fmt: skip
def test_what_a_second_pass_may_rescue(error, residual, covariance, overshot):
    first, last = arrival([1.0, 0.0, 0.0], 1.0), arrival([residual, 0.0, 0.0], covariance)
    assert step_errors.is_overshot(error, first, last, SAMPLES, 0.5, 0.0) == overshot


def test_the_change_of_the_kernel_is_foretold_in_proportion_to_time():
    first, last, change = arrival([1.0] * 3, 1.0), arrival([0.5] * 3, 4.0), np.zeros((6, 3))
    state = control_of(begin=1.0, end=1.5, step=1.0)
    control.begin_next(first, last, change, state)
    assert change[0, 0] == 2.0 * (4.0 - 1.0) / 3.0
    assert first.covariances[0, 0] == 4.0
    trial = arrival([0.0] * 3, 10.0)
    state.clock[control.NEXT] = 0.25  # after a trial of length 1 was rejected
    control.foretell(first, trial, np.bool_(True), 1.0, change, XT, state)
    assert change[0, 0] == 0.25 * (10.0 - 4.0) / 3.0
    control.foretell(first, trial, np.bool_(False), 0.5, change, XT, state)
    assert change[0, 0] == 0.5 * 0.25 * (10.0 - 4.0) / 3.0
