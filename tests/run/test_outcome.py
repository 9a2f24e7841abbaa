"""What a run says of how it ended, of its file, and of its samples at the start."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import particleflow as pf
from particleflow.run.outcome import Begin, outcome
from particleflow.trajectory import fidelity

SAMPLES = pf.Samples.generate("sine", 8)


def ended(sim, until):
    sim.run(until)
    return "\n".join(sim.notes)


def test_a_step_that_kills_every_neuron_is_named():
    samples = pf.Samples(np.arange(20.0), np.arange(20.0) / 10.0)
    sim = pf.Simulation(samples, pf.initialise("reduced", 50, seed=1), pf.GradientDescent(0.5))
    text = ended(sim, 50.0)
    assert sim.loss == pytest.approx(0.5 * np.sum(samples.y**2))
    assert re.search(
        r"all neurons are dead.*loss.*the step 0\.5 is above 2 / .*= ([\d.e-]+);", text
    )
    # the rate that is named is the largest eigenvalue of the tangent kernel at the start
    start = pf.Simulation(samples, pf.initialise("reduced", 50, seed=1))
    columns = []
    for j in range(20):
        start.state.residual = np.eye(20)[j]
        columns.append(-start.residual_rate())
    largest = np.linalg.eigvalsh(np.array(columns))[-1]
    named = float(re.search(r"= ([\d.e-]+);", text)[1])
    assert named == pytest.approx(2.0 / largest, rel=0.02)


def test_a_loss_that_has_grown_is_named():
    neurons = pf.initialise("reduced", 200, delta=-1.0, seed=0)
    sim = pf.Simulation(SAMPLES, neurons, pf.GradientDescent(2.0))
    begin = sim.loss
    text = ended(sim, 4.0)
    assert sim.loss > begin
    assert f"the loss has grown from {begin:.4g} to {sim.loss:.4g}" in text
    assert "lower flow.step" in text


def test_a_run_that_is_left_too_early_says_so():
    text = ended(pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1)), 0.1)
    assert re.search(
        r"% of that of the best constant: not converged yet, a run twice as long", text
    )


def test_a_local_minimum_is_told_from_a_run_that_has_settled():
    # one neuron, active for all samples, fits the best multiple of a ramp and no more
    samples = pf.Samples([-0.5, 0.0, 0.5, 1.0], [1.0, -1.0, 1.0, -1.0])
    sim = pf.Simulation(samples, pf.Neurons([0.0], [1.0], [1.0]))
    text = ended(sim, 1e5)
    assert "a local minimum, no neuron can move" in text or "settled" in text
    assert "not converged" not in text


def test_a_good_fit_needs_no_words():
    sim = pf.Simulation(pf.Samples.generate("sine", 4), pf.initialise("reduced", 400, seed=1))
    assert ended(sim, 1000.0) == ""


@pytest.mark.parametrize("precision", [None, "float32"])
def test_small_samples_are_carried_by_the_file(tmp_path, precision, monkeypatch):
    monkeypatch.setattr(fidelity, "_CHUNK", 128)  # the frame is compared in three pieces
    x = np.linspace(-1, 1, 20)
    samples = pf.Samples(x, 1e-9 * np.sin(3 * x))
    sim = pf.Simulation(samples, pf.initialise("reduced", 300, antisymmetric=True, seed=1))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3, precision=precision))
    text = ended(sim, 20.0)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        f = trajectory.predict(-1, x) - samples.y
        error = np.abs(f - trajectory.residual[-1]).max() / samples.spread
        assert trajectory.storage()["dtype"] == ("float64" if precision is None else "float32")
    if precision is None:
        assert error < 1e-3
        assert "float32" not in text
    else:
        assert error > 1e-3
        (told,) = re.findall(r"differs by (\S+) of", text)
        assert error / 5.0 < float(told) < 1.01 * error  # a root mean square over 20 samples
        assert 'output.precision = "float64" carries it' in text


def test_errors_in_fast_modes_are_no_fall():
    """At a local minimum: the rate 2 tau rho^T H rho / rho^T rho would say that it falls fast."""
    random = np.random.default_rng(0)
    samples = pf.Samples(np.sort(random.uniform(-1.0, 1.0, 12)), random.standard_normal(12))
    sim = pf.Simulation(samples, pf.initialise("reduced", 50, seed=0), pf.Boost(1e-3))
    sim.run(1e4)
    state, tau = sim.state, sim.time
    mode = np.linalg.eigh(state.tangent_kernel())[1][:, -1]
    state.residual = state.residual + 1e-3 * mode
    square = float(state.residual @ state.residual)
    rate = -2.0 * tau * float(state.residual @ state.residual_rate()) / square
    assert rate > 0.1
    (note,) = outcome(Begin(10.0, None, np.inf), state, tau, 1e-8)
    falls = float(re.search(r"settled, .* by a share of (\S+)$", note).group(1))
    assert 0.5e-6 / square < falls < 2e-6 / square


def test_ordinary_samples_stay_in_single_precision(tmp_path):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 300, seed=1))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3))
    assert "float32" not in ended(sim, 20.0)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.storage()["dtype"] == "float32"


@pytest.mark.parametrize(
    ("lo", "hi", "is_named"),
    [(-1, 1, False), (0, 10, False), (1900, 1940, True), (0, 99, True), (0, 1e-3, True),
     (1.6e9, 1.7e9, True)],
)  # fmt: skip
def test_samples_that_can_hardly_be_fitted_are_named(lo, hi, is_named):
    samples = pf.Samples(np.linspace(lo, hi, 5), np.arange(5.0))
    hint = samples.hint()
    assert (hint is not None) == is_named
    if is_named:
        assert "samples.normalise" in hint
        assert samples.normalised().hint() is None


def test_the_command_says_what_the_run_does(call, here):
    (here / "c.toml").write_text(
        '[samples]\nkind = "sine"\n[neurons]\ncount = 50\n[flow]\nt_end = 0.1\n'
    )
    code, _, err = call("run", "c.toml")
    assert code == 0
    assert re.search(r"^note: the loss ends at .*not converged yet", err, re.M)
    assert call("run", "c.toml", "--overwrite", "--quiet")[2] == ""


def test_a_loss_that_rounding_holds_is_not_said_to_fall():
    """x of 1e9 and three units wide: the flow is fast, and no step lowers the loss."""
    samples = pf.Samples([1e9, 1e9 + 1, 1e9 + 2], [1.0, -1.0, 1.0])
    for seed in range(3):
        sim = pf.Simulation(samples, pf.initialise("reduced", 20, seed=seed))
        losses = []
        for until in (1.0, 10.0):
            sim.run(until, progress=lambda sim: None)
            losses.append(sim.loss)
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        (note,) = sim.notes
        assert "held up by rounding or by the step" in note
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1))
    sim.run(1.0)
    sim.run(2.0)
    assert "not converged yet" in sim.notes[0]


def test_lines_of_progress_without_a_terminal(call, here, monkeypatch):
    from particleflow.cli import running

    monkeypatch.setattr(running, "FIRST_LINE_SECONDS", 0.0)
    monkeypatch.setattr(running, "LINE_SECONDS", 0.0)
    (here / "c.toml").write_text('[samples]\nkind = "sine"\n[neurons]\ncount = 50\n')
    err = call("run", "c.toml")[2]
    assert re.search(r"^running: tau [\d.e-]+, [\d.e+]+ steps/s, \d+ s left$", err, re.M), err


def test_the_time_left_is_not_that_of_a_compiler(monkeypatch):
    """The first steps may wait for the compiler; the pace is that of the others."""
    from particleflow.cli import running

    clock = [0.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: clock[0])
    progress, sim = running._Progress(10.0), SimpleNamespace(time=0.0, step=0)
    told = []
    for seconds, step in ((60.0, 0), (120.0, 1), (121.0, 2), (122.0, 3)):
        clock[0], sim.step, sim.time = seconds, step, float(step)
        progress.note(sim)
        told.append(progress.text(sim))
    assert told == ["tau 0", "tau 1", "tau 2, 1 steps/s, 8 s left", "tau 3, 1 steps/s, 7 s left"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3.2, "3 s"), (119.0, "119 s"), (600.0, "10 min"), (86400.0, "24 h"), (1e9, "31.7 years"),
     (np.inf, "more than 10,000 years")],
)  # fmt: skip
def test_times_have_units(seconds, words):
    from particleflow.cli.shared import in_words

    assert in_words(seconds) == words


def test_an_estimate_says_how_long_the_run_would_take(call, here, monkeypatch):
    from particleflow.jobs import estimate

    monkeypatch.setattr(estimate, "TRIAL_SECONDS", 0.2)
    x = 1.6e9 + 86400.0 * np.arange(50)
    rows = "".join(
        f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), np.cos(x / 1e6).tolist(), strict=True)
    )
    (here / "d.csv").write_text("x,y\n" + rows)
    (here / "c.toml").write_text('[samples]\nfile = "d.csv"\n')
    code, out, err = call("run", "c.toml", "--estimate")
    assert code == 0, err
    assert "samples.normalise" in err
    assert re.search(r"^would_take .* (s|min|h|days|years)$", out, re.M)


def test_rounding_is_no_growth():
    samples = pf.Samples([-1.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    sim = pf.Simulation(samples, pf.Neurons([0.0], [1.0], [1.0]))
    assert ended(sim, 1.0) == ""


def test_a_fixed_step_of_the_exact_flow_is_named():
    integrator = pf.Boost(step=40.0)
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 20, seed=1), integrator)
    begin = Begin.of(sim.state, integrator)
    assert begin.step == 40.0
    (text,) = outcome(begin._replace(loss=0.1 * sim.loss), sim.state, 1.0, 1e-8)
    assert "the loss has grown from" in text
    assert text.endswith("lower flow.step, now 40")
