"""Runs that are set by epochs: the conventions of others for a learning rate, by settings alone."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow.model.conventions import multiple_of_loss, step_in_tau

ROWS = np.array([[-0.9, 0.3], [-0.4, -0.2], [0.1, 0.5], [0.1, 0.7], [0.8, 0.1]])
WEIGHTS = np.array([1.0, 2.0, 0.5, 1.0, 1.5])
M, RATE, EPOCHS = 30, 0.05, 60
CONFIG = """
[samples]
file = "data.csv"
{weights}
[neurons]
init = "file"
file = "start.npz"
alpha = {alpha}
[flow]
integrator = "gd"
learning_rate = {rate}
epochs = {epochs}
loss = "{loss}"
"""
LOSSES = {
    "half_sum": lambda square, w: 0.5 * (w * square).sum(),
    "sum": lambda square, w: (w * square).sum(),
    "mean": lambda square, w: (w * square).sum() / w.sum(),
    "half_mean": lambda square, w: 0.5 * (w * square).sum() / w.sum(),
}


def start():
    random = np.random.default_rng(5)
    return random.standard_normal((3, M)) * [[1.0], [0.5], [0.3]]


def loop(loss, alpha, w):
    """Plain full-batch gradient descent of the raw network, all gradients written out."""
    x, y = ROWS.T
    a, b, c = start()
    slope = {"half_sum": 1.0, "sum": 2.0, "mean": 2.0 / w.sum(), "half_mean": 1.0 / w.sum()}[loss]
    for _ in range(EPOCHS):
        z = np.outer(x, a) + b
        active = np.maximum(z, 0.0)
        error = slope * w * (active @ c / alpha - y) / alpha
        on = z > 0.0
        grad = (error * x) @ on * c, error @ on * c, error @ active
        a, b, c = a - RATE * grad[0], b - RATE * grad[1], c - RATE * grad[2]
    return a, b, c


def write(here, loss="mean", alpha=3.0, weights=False, **more):
    table = np.column_stack([ROWS, WEIGHTS])
    np.savetxt(here / "data.csv", table, delimiter=",", header="x,y,w", comments="")
    np.savez(here / "start.npz", **dict(zip("abc", start(), strict=True)))
    text = CONFIG.format(
        loss=loss, alpha=alpha, rate=RATE, epochs=EPOCHS,
        weights='weights = "w"' if weights else 'x = "x"\ny = "y"',
    )  # fmt: skip
    for old, new in more.items():
        text = text.replace(*new) if isinstance(new, tuple) else text + f"{old} = {new}\n"
    (here / "c.toml").write_text(text)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_loop_of_others_by_settings_alone(call, here, loss, is_weighted):
    """Rows of equal x, and weights, count as they do in the loop over all rows."""
    weights = WEIGHTS if is_weighted else np.ones(5)
    # the multiple by which the loss of this name differs from L, by its definition
    square = np.array([0.3, 1.0, 2.0, 0.1, 0.7])
    ratio = LOSSES[loss](square, weights) / LOSSES["half_sum"](square, weights)
    assert multiple_of_loss(loss, weights.sum()) == pytest.approx(ratio, rel=1e-15)
    write(here, loss, weights=is_weighted)
    code, _, err = call("run", "c.toml")
    assert code == 0
    assert f"an epoch is tau = {RATE * ratio / 3.0:.6g}; {EPOCHS} epochs end at" in err
    a, b, c = loop(loss, 3.0, weights)
    with pf.open_trajectory("c.h5") as run:
        assert run.step[-1] == EPOCHS
        points = np.linspace(-1.2, 1.2, 40)
        expected = np.maximum(np.outer(points, a) + b, 0.0) @ c / 3.0
        assert_allclose(run.predict(-1, points), expected, rtol=0, atol=1e-6)  # of float32
    descent = pf.GradientDescent(step_in_tau(RATE, 3.0, loss, weights.sum()))
    neurons = pf.Neurons.from_parameters(*start(), alpha=3.0)
    last = pf.Simulation(pf.Samples(*ROWS.T, weights=weights), neurons, descent)
    last.run(EPOCHS * descent.step)
    assert_allclose(last.predict(points), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("integrator", ["boost", "rk"])
def test_epochs_of_other_integrators_say_when_the_run_ends(call, here, integrator):
    write(here, integrator=("gd", integrator), tolerance="1e-3")
    assert call("run", "c.toml", "--quiet")[0] == 0
    end = EPOCHS * RATE * 0.4 / 3.0  # 2/n of 5 rows
    with pf.open_trajectory("c.h5") as run:
        assert run.time[-1] == pytest.approx(end, rel=1e-12)
    facts = json.loads(call("info", "c.h5", "--json")[1])
    assert facts["epochs"] == EPOCHS
    assert facts["tau_of_an_epoch"] == pytest.approx(RATE * 0.4 / 3.0, rel=1e-12)
    assert call("resume", "c.h5", "--epochs", "100", "--quiet")[0] == 0
    assert call("run", "c.toml", "--quiet", "-o", "long.h5", "--set", "flow.epochs=100")[0] == 0
    with pf.open_trajectory("c.h5") as run, pf.open_trajectory("long.h5") as long:
        assert run.time[-1] == long.time[-1] == pytest.approx(end * 100 / EPOCHS, rel=1e-12)
        assert_allclose(run.residual[-1], long.residual[-1], rtol=0, atol=2e-3)
        assert "epochs = 100" in run.config
    code, _, err = call("resume", "c.h5", "--t-end", "9")
    assert code == 2
    assert "the run was configured by epochs" in err


def test_frames_at_powers_of_epochs(call, here):
    """By default the unit is an epoch: frames at the epochs ceil(k^p)."""
    write(here)
    settings = ("--set", "output.spacing=power", "--set", "output.frames=6")
    assert call("run", "c.toml", "--quiet", *settings)[0] == 0
    p = np.log(60) / np.log(5)
    with pf.open_trajectory("c.h5") as run:
        assert run.step.tolist() == [0, 1, *np.ceil(np.array([2, 3, 4]) ** p), 60]
    code, _, err = call("run", "c.toml", "--overwrite", *settings, "--set", "flow.integrator=boost",
                        "--set", "flow.learning_rate=", "--set", "flow.epochs=", "--set",
                        "flow.loss=", "--set", "flow.t_end=inf")  # fmt: skip
    assert code == 2
    assert 'output.spacing: t_end = inf needs "geometric", found "power"' in err


def test_boost_at_a_small_rate_is_gradient_descent(call, here):
    """A tenth of the rate for ten times as many epochs comes nearer to the flow."""
    write(here, epochs=("epochs = 60", "epochs = 600"), rate=("0.05", "0.005"))
    assert call("run", "c.toml", "--quiet")[0] == 0
    write(here, integrator=("gd", "boost"), tolerance="1e-6")
    assert call("run", "c.toml", "--quiet", "-o", "boost.h5")[0] == 0
    with pf.open_trajectory("c.h5") as run, pf.open_trajectory("boost.h5") as boost:
        assert boost.time[-1] == pytest.approx(run.time[-1], rel=1e-12)
        assert_allclose(boost.residual[-1], run.residual[-1], rtol=0, atol=1e-3)


def test_another_rate_of_another_loss_on_resuming(call, here):
    """`flow.learning_rate` of a resumed run is one of the loss that its configuration names."""
    write(here, "mean")
    assert call("run", "c.toml", "--quiet")[0] == 0
    options = ("--epochs", "90", "--set", "flow.learning_rate=0.1", "--quiet")
    assert call("resume", "c.h5", *options)[0] == 0
    with pf.open_trajectory("c.h5") as run:
        assert run.time[-1] == pytest.approx((60 * RATE + 30 * 0.1) * 0.4 / 3.0, rel=1e-12)
        assert "learning_rate = 0.1\n" in run.config


@pytest.mark.parametrize("loss", ["mean", "half_mean"])
@pytest.mark.parametrize("convert", [pf.step_in_tau, pf.decay_in_tau])
def test_a_mean_needs_the_number_of_rows(convert, loss):
    with pytest.raises(pf.ConfigError, match=f"rows: loss = '{loss}' needs their number"):
        convert(0.1, 1.0, loss)
    assert convert(0.1, 1.0, "half_sum") == 0.1
