"""What runs are resumed with: epochs, another step, samples of the file, beginning again."""

import json
import shutil

import h5py
import numpy as np
import pytest

import particleflow as pf

EPOCHS = """
[samples]
file = "data.csv"
[neurons]
count = 50
[flow]
integrator = "gd"
learning_rate = 0.01
epochs = 100
[output]
frames = 5
"""
DATA = "x,y\n-1.0,0.3\n-0.4,-0.2\n0.1,0.5\n0.8,0.1\n"


@pytest.fixture
def project(call, here):
    (here / "data.csv").write_text(DATA)
    (here / "c.toml").write_text(EPOCHS)
    return here


def end_of(path):
    with pf.open_trajectory(path) as trajectory:
        return trajectory.residual[-1], int(trajectory.step[-1]), trajectory.time


def test_a_run_set_by_epochs_is_extended_by_epochs(call, project):
    assert call("run", "c.toml", "-o", "long.h5", "--set", "flow.epochs=160")[0] == 0
    assert call("run", "c.toml")[0] == 0
    code, _, err = call("resume", "c.h5", "--t-end", "1.0")
    assert code == 2
    assert "--epochs N, counted from its start" in err
    assert call("resume", "c.h5", "--epochs", "160")[0] == 0
    residual, step, _ = end_of("c.h5")
    expected, steps, _ = end_of("long.h5")
    assert step == steps == 160
    np.testing.assert_array_equal(residual, expected)
    with pf.open_trajectory("c.h5") as trajectory:
        assert "epochs = 160" in trajectory.config


def test_another_learning_rate_from_the_exact_last_state(call, project):
    assert call("run", "c.toml")[0] == 0
    assert call("resume", "c.h5", "--epochs", "150", "--set", "flow.learning_rate=0.03")[0] == 0
    assert call("resume", "c.h5", "--epochs", "170")[0] == 0
    residual, step, times = end_of("c.h5")
    assert step == 170
    assert times[-1] == pytest.approx((100 * 0.01 + 70 * 0.03) / 50)
    assert (np.diff(times) > 0).all()
    samples = pf.Samples.from_csv("data.csv")
    sim = pf.Simulation(samples, pf.initialise("reduced", 50), pf.GradientDescent(0.01 / 50))
    sim.run(100 * 0.01 / 50)
    sim = pf.Simulation(samples, sim.neurons, pf.GradientDescent(0.03 / 50))
    sim.run(70 * 0.03 / 50)
    np.testing.assert_allclose(residual, sim.residual, atol=1e-14)
    facts = json.loads(call("info", "c.h5", "--json")[1])
    assert facts["stages"] == ["step 0.0002 until step 100 (tau = 0.02)", "step 0.0006"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--set", "flow.tolerance=1e-3"], "expected flow.learning_rate or flow.step"),
        (["--set", "flow.learning_rat=1"], "did you mean learning_rate"),
        (["--set", "flow.learning_rate=fast"], "expected a number, found 'fast'"),
        (["--set", "flow.learning_rate=0.1"], "expected a later end"),
        (["--epochs", "0"], "epochs: expected at least 1"),
        (["--epochs", "200", "--t-end", "3"], "expected one end, found t_end too"),
    ],
)
def test_what_cannot_change(call, project, options, what):
    assert call("run", "c.toml")[0] == 0
    code, _, err = call("resume", "c.h5", *options)
    assert code == 2
    assert what in err


def test_only_gradient_descent_counts_epochs(call, project):
    boost = ("--set", "flow.integrator=boost", "--set", "flow.learning_rate=", "--set",
             "flow.epochs=", "--set", "flow.t_end=1")  # fmt: skip
    assert call("run", "c.toml", *boost)[0] == 0
    code, _, err = call("resume", "c.h5", "--set", "flow.step=0.1")
    assert code == 2
    assert "goes with runs of gradient descent (gd), found boost" in err
    code, _, err = call("resume", "c.h5", "--epochs", "9")
    assert code == 2
    assert "epochs: goes with runs of gradient descent (gd) and with those that flow.epoc" in err


class Stop(Exception):
    pass


def unfinished(folder, checkpoint):
    """A run of a configuration that fails half-way, as one that was killed."""
    from particleflow.config import load
    from particleflow.jobs.prepare import prepare

    every = "checkpoint_every = inf" if checkpoint else "checkpoint_every = 0"
    (folder / "c.toml").write_text(EPOCHS + every + "\n")
    run = prepare(load(folder / "c.toml"))

    def stop(sim):
        if sim.step > 60:
            raise Stop

    with pytest.raises(Stop):
        run.simulation.run(run.until, progress=stop)


def test_without_its_checkpoint_a_run_keeps_its_frames(call, project):
    unfinished(project, checkpoint=True)
    with pf.open_trajectory("c.h5") as trajectory:
        frames = trajectory.frames
        assert 0 < frames < 5
    for name in ("c.h5.ckpt", "c.h5.ckpt.1"):
        (project / name).unlink(missing_ok=True)
    code, _, err = call("resume", "c.h5")
    assert code == 2
    assert f"--begin-again runs it from the start and replaces its {frames} frames" in err
    assert "c.h5.ckpt belongs beside it" in err
    with pf.open_trajectory("c.h5") as trajectory:
        assert trajectory.frames == frames
    code, _, err = call("resume", "c.h5", "--begin-again")
    assert code == 0
    assert end_of("c.h5")[1] == 100


def test_a_run_without_checkpoints_begins_again_with_the_samples_of_its_file(call, project):
    unfinished(project, checkpoint=False)
    with pf.open_trajectory("c.h5") as trajectory:
        assert 'file = "data.csv"' in trajectory.config
    moved = project / "elsewhere"
    moved.mkdir()
    shutil.move("c.h5", moved / "c.h5")
    (project / "data.csv").unlink()
    code, _, err = call("resume", moved / "c.h5")
    assert code == 0, err
    samples = pf.Samples([-1.0, -0.4, 0.1, 0.8], [0.3, -0.2, 0.5, 0.1])
    sim = pf.Simulation(samples, pf.initialise("reduced", 50), pf.GradientDescent(0.01 / 50))
    sim.run(100 * 0.01 / 50)
    np.testing.assert_array_equal(end_of(moved / "c.h5")[0], sim.residual)


def test_a_complete_run_without_a_checkpoint_says_that_it_stays_as_it_is(call, project):
    sim = pf.Simulation(pf.Samples.generate("sine", 5), pf.initialise("reduced", 20))
    sim.writers.append(pf.TrajectoryWriter("own.h5", frames=3))
    sim.run(0.1)
    code, out, _ = call("resume", "own.h5")
    assert (code, "has no checkpoint from which it could be made longer" in out) == (0, True)
    code, _, err = call("resume", "own.h5", "--t-end", 1)
    assert code == 2
    assert "pf.TrajectoryWriter(checkpoint_every=) writes checkpoints" in err


def test_a_run_that_begins_again_records_the_user_s_observables(call, project):
    from particleflow.config import load
    from particleflow.jobs.prepare import prepare

    def size(sim):
        return np.abs(sim.neurons.c).max()

    (project / "c.toml").write_text(EPOCHS)
    run = prepare(load(project / "c.toml"))
    run.simulation.observables.add("size", size, every=4)
    run.simulation.run(run.until)
    with pf.open_trajectory("c.h5") as trajectory:
        expected = trajectory.observable("user/size")
    again = pf.resume("c.h5", observables={"size": size}, begin_again=True)
    again.simulation.run(again.until)
    with pf.open_trajectory("c.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.observable("user/size"), expected)
    assert expected[0].size < 20


def test_neurons_of_a_file_are_found_where_the_configuration_lay(call, project):
    pf.initialise("uniform", 20, seed=3).to_file(project / "start.npz")
    (project / "out").mkdir()
    text = EPOCHS.replace("count = 50", 'init = "file"\nfile = "start.npz"')
    (project / "c.toml").write_text(text + "checkpoint_every = 0\n")
    assert call("run", "c.toml", "-o", "out/run.h5")[0] == 0
    expected = end_of("out/run.h5")[0]
    assert call("resume", "out/run.h5", "--begin-again")[0] == 0
    np.testing.assert_array_equal(end_of("out/run.h5")[0], expected)


def test_a_stage_that_was_killed_before_its_first_checkpoint(call, project):
    assert call("run", "c.toml")[0] == 0
    shutil.copy("c.h5.ckpt", "kept")
    change = ("--epochs", "150", "--set", "flow.learning_rate=0.03")
    assert call("resume", "c.h5", *change)[0] == 0
    expected = end_of("c.h5")[0]
    shutil.move("kept", "c.h5.ckpt")
    with h5py.File("c.h5", "r+") as file:
        file["parameters/progress"][:] = 5, 41
    assert call("resume", "c.h5")[0] == 0
    residual, step, times = end_of("c.h5")
    assert step == 150
    assert times[-1] == pytest.approx((100 * 0.01 + 50 * 0.03) / 50)
    np.testing.assert_array_equal(residual, expected)


def test_another_learning_rate_keeps_the_number_of_epochs(call, project):
    unfinished(project, checkpoint=True)
    assert call("resume", "c.h5", "--set", "flow.step=1e-4")[0] == 0
    _, step, _ = end_of("c.h5")
    assert step == 100
    with pf.open_trajectory("c.h5") as trajectory:
        assert "learning_rate = 0.005" in trajectory.config
        assert "step = " not in trajectory.config
