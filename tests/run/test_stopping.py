"""When a loss has settled, on losses that are made up."""

from types import SimpleNamespace

import numpy as np
import pytest

from particleflow.run.stopping import DEFAULT_STOP, Settling


def state(loss, power):
    """One sample with this loss and this rate of its fall, of neurons that may move."""
    rho = np.array([np.sqrt(2.0 * loss)])
    return SimpleNamespace(
        residual=rho,
        rounding=lambda: 0.0,
        residual_rate=lambda: -power / rho,
        kernel_covariances=lambda: np.ones((2, 3)),
        decay=0.0,
        samples=SimpleNamespace(xt=np.ones((1, 2))),
    )


def settles_at(losses, powers, stop=DEFAULT_STOP):
    """The number of the first check, ten a decade from tau = 1 on, at which it has settled."""
    settling = Settling(stop)
    for n, (loss, power) in enumerate(zip(losses, powers, strict=True)):
        settling = Settling.from_array(stop, settling.to_array())  # as a run that is resumed
        if settling.has_settled(state(loss, power), 10.0 ** (n / 10)):
            return n
    return None


NOISE = 1e-9 * (1.0 + 0.5 * np.cos(np.arange(60) ** 2))


def test_a_loss_that_is_thrown_up_as_fast_as_it_falls_has_settled():
    falling = np.geomspace(1.0, 1e-9, 20)
    end = settles_at([*falling, *NOISE], [*falling, *(np.full(60, 1e3))])
    assert end is not None
    assert end > 20 + 8


@pytest.mark.parametrize("power", [1e-7, 1e-12])
def test_a_plateau_on_which_the_flow_predicts_little_has_not(power):
    """The loss stands still, within the error of the steps, and the flow says why."""
    begin = np.geomspace(1.0, 0.5, 20)
    plateau = 0.5 + 1e-9 * np.cos(np.arange(40) ** 2)
    assert settles_at([*begin, *plateau], [*begin, *np.full(40, power)], stop=1e-14) is None


def test_a_loss_that_is_high_again_but_falls_as_the_flow_says_has_not():
    begin, times = np.geomspace(1.0, 1e-6, 20), 10.0 ** (np.arange(20, 50) / 10)
    losses = 1e-2 * (times / times[0]) ** -0.5  # thrown up once, it takes long to be as low again
    assert settles_at([*begin, *losses], [*begin, *(0.5 * losses / times)]) is None


def test_a_loss_that_is_high_again_but_vanishes_fast_has_not():
    begin, times = np.geomspace(1.0, 1e-20, 20), 10.0 ** (np.arange(20, 50) / 10)
    losses = np.exp(-3.0 * np.arange(30))
    assert settles_at([*begin, *losses], [*begin, *(200.0 * losses / times)]) is None


@pytest.mark.parametrize(("fall", "settled"), [(2e-3, False), (0.5e-3, True)])
def test_a_fall_below_stop_a_decade_is_none(fall, settled):
    """The lowest loss of each decade lies below that of the last by some share."""
    wave = np.tile([1.0, 1.1], 30)
    losses = wave * np.exp(-fall * np.log(10.0) * np.arange(60) / 10)
    assert (settles_at(losses, np.full(60, 1e6), stop=1e-3) is not None) == settled
