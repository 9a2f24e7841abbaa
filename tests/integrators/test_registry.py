"""An integrator of one's own: a class that says everything about itself, and one decorator."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import particleflow as pf
from particleflow.integrators import Memory, registry
from particleflow.integrators.gradient_descent import GradientDescentMotion

CONFIG = """
[samples]
kind = "sine"
count = 6
[neurons]
count = 40
[flow]
integrator = "halves"
t_end = 1.0
[output]
frames = 5
"""


@pytest.fixture
def halves(monkeypatch):
    """Gradient descent with half the step that it is given."""
    monkeypatch.setattr(registry, "_INTEGRATORS", dict(registry._INTEGRATORS))

    @registry.register
    @dataclasses.dataclass(frozen=True)
    class Halves:
        step: float = 0.02
        share: float = 0.5
        name = "halves"
        metrics = ("network",)
        default_in = ()
        counts_steps = False
        stability = math.inf
        memory = Memory(words=4, indices=7)
        run_length = 4
        sorted_from = 0
        slides = False

        def start(self, state):
            return GradientDescentMotion(state, self.step * self.share)

    return Halves


def end_of(path):
    with pf.open_trajectory(path) as trajectory:
        return trajectory.integrator, trajectory.position(-1), trajectory.observable("residual")[1]


def test_an_integrator_in_a_file_of_its_own_runs_from_a_configuration(call, here, halves):
    (here / "own.toml").write_text(CONFIG)
    (here / "gd.toml").write_text(CONFIG.replace('"halves"', '"gd"\nstep = 0.01'))
    for name in ("own", "gd"):
        assert call("run", f"{name}.toml")[0] == 0
        assert call("resume", f"{name}.h5", "--t-end", 2)[0] == 0
    own, gd = end_of("own.h5"), end_of("gd.h5")
    assert (own[0], gd[0]) == ("halves", "gd")
    for one, other in zip(own[1:], gd[1:], strict=True):
        assert_array_equal(one, other)
    with pf.open_trajectory("own.h5") as trajectory:
        assert "step = 0.02" in trajectory.config  # its own default
        assert "share = 0.5" in trajectory.config
    sim = pf.Simulation(pf.Samples.generate("sine", 6), pf.initialise("reduced", 40), halves())
    sim.run(2.0)
    assert_array_equal(sim.residual, own[2][-1])


def test_its_settings_are_keys_of_a_configuration(call, here, halves):
    """Also those whose names no other integrator has; resumed runs have them from the file."""
    (here / "own.toml").write_text(CONFIG.replace("t_end = 1.0", "share = 0.25"))
    (here / "gd.toml").write_text(
        CONFIG.replace('"halves"', '"gd"\nstep = 0.005').replace("t_end = 1.0", "")
    )
    for name in ("own", "gd"):
        assert call("run", f"{name}.toml", "--set", "flow.t_end=0.5")[0] == 0
        assert call("resume", f"{name}.h5", "--t-end", 1)[0] == 0
    assert_array_equal(end_of("own.h5")[2], end_of("gd.h5")[2])
    code, _, err = call("run", "own.toml", "--set", "flow.shar=1", "--overwrite")
    assert code == 2
    assert "flow.shar: unknown key; did you mean share?" in err
    code, _, err = call("run", "own.toml", "--set", "flow.share=much", "--overwrite")
    assert code == 2
    assert "flow.share: expected float, found str" in err
    code, _, err = call("run", "gd.toml", "--set", "flow.share=1", "--overwrite")
    assert code == 2
    assert 'flow.share: goes with integrator = "halves"' in err


@pytest.mark.parametrize(("line", "message"), [
    ("tolerance = 1e-3", 'flow.tolerance: goes with integrator = "boost" or "rk"'),
    ("learning_rate = 1e-3",
     "flow: learning_rate and epochs go together, found only learning_rate"),
    ('metric = "euclidean"',
     'flow.integrator: "halves" needs metric = "network"; with "euclidean" use "rk" or "gd"'),
])  # fmt: skip
def test_what_it_does_not_say_a_configuration_may_not_say(call, here, halves, line, message):
    (here / "own.toml").write_text(CONFIG.replace("t_end = 1.0", line))
    code, _, err = call("run", "own.toml")
    assert code == 2
    assert message in err


def test_an_integrator_that_is_not_known_is_named(call, here):
    (here / "own.toml").write_text(CONFIG)
    code, _, err = call("run", "own.toml")
    assert code == 2
    assert "line 8: flow.integrator: expected one of boost, gd, rk, found 'halves'" in err
    with pytest.raises(pf.ConfigError, match=r"expected Boost\(\), GradientDescent\(\) or RungeK"):
        pf.Simulation(pf.Samples.generate("sine", 6), pf.initialise("reduced", 40), "halves")


def test_every_integrator_says_what_the_contract_asks():
    fields = set(registry.Integrator.__annotations__)
    for name in registry.names():
        kind = registry.of_name(name)
        assert fields <= set(dir(kind)), name
        assert kind.name == name
        assert np.isfinite(kind.memory).all()
    for metric in ("network", "euclidean"):
        assert sum(metric in registry.of_name(n).default_in for n in registry.names()) == 1


@pytest.mark.parametrize(("setting", "message"), [
    ("t_end: float = 1.0", "t_end is another key of flow"),
    ("tolerance: int = 3", "the setting tolerance has another type in boost"),
    ("rate: float", "the setting rate has no default"),
])  # fmt: skip
def test_settings_that_cannot_be_keys_are_refused(monkeypatch, setting, message):
    monkeypatch.setattr(registry, "_INTEGRATORS", dict(registry._INTEGRATORS))
    name, _, rest = setting.partition(": ")
    kind, _, default = rest.partition(" = ")
    body = {"__annotations__": {name: {"float": float, "int": int}[kind]}, "name": "own"}
    if default:
        body[name] = float(default)
    own = dataclasses.dataclass(frozen=True)(type("Own", (), body))
    with pytest.raises(pf.ConfigError, match=message):
        registry.register(own)
    assert "own" not in registry.names()


def test_settings_beside_the_learning_rate_are_kept(call, here, monkeypatch, halves):
    halves.counts_steps = True
    (here / "own.toml").write_text(
        CONFIG.replace("t_end = 1.0", "learning_rate = 0.8\nepochs = 20\nshare = 0.25")
    )
    (here / "gd.toml").write_text(
        CONFIG.replace('"halves"', '"gd"').replace(
            "t_end = 1.0", "learning_rate = 0.2\nepochs = 80"
        )
    )
    for name in ("own", "gd"):
        assert call("run", f"{name}.toml")[0] == 0
    assert_array_equal(end_of("own.h5")[1], end_of("gd.h5")[1])
