"""Networks of PyTorch in and out: a recorded one without torch, others where it is installed."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf

RECORDED = Path(__file__).parents[1] / "recorded" / "torch_module.npz"
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch, of the extra peers"
)
M = 6
STATE = {
    "0.weight": np.linspace(-1.0, 1.0, M)[:, None],
    "0.bias": np.linspace(0.5, -0.5, M),
    "2.weight": np.linspace(1.0, 2.0, M)[None, :],
}
X = np.linspace(-2.0, 2.0, 33)


def recorded(which):
    with np.load(RECORDED) as file:
        own = {name: file[name] for name in file.files}
    state = {name.removeprefix(f"{which}/"): v for name, v in own.items() if which in name}
    return state, own


def function_of(state, x=X):
    a, b, c = state["0.weight"][:, 0], state["0.bias"], state["2.weight"][0]
    return np.maximum(np.outer(x, a) + b, 0.0) @ c


def test_500_epochs_of_a_recorded_module(call, here):
    """By settings alone; bench/make_torch_module.py made the file, with torch's SGD in float64."""
    start, own = recorded("start")
    neurons = pf.Neurons.from_torch(start)
    assert neurons.alpha == 1.0
    assert_allclose(neurons.to_numpy()[0], start["0.weight"][:, 0], rtol=1e-15)
    neurons.to_file(here / "start.npz")
    np.savetxt(here / "data.csv", np.column_stack([own["x"], own["y"]]), delimiter=",",
               header="x,y", comments="", fmt="%.17g")  # fmt: skip
    (here / "c.toml").write_text(
        f"""
samples = {{ file = "data.csv" }}
neurons = {{ init = "file", file = "start.npz", alpha = 1.0 }}
output = {{ precision = "float64", frames = 2 }}
[flow]
integrator = "gd"
loss = "mean"
learning_rate = {float(own["learning_rate"])}
epochs = {int(own["epochs"])}
"""
    )
    assert call("run", "c.toml", "--quiet")[0] == 0
    end, _ = recorded("end")
    with pf.open_trajectory("c.h5") as run:
        assert_allclose(run.predict(-1, X), function_of(end), rtol=0, atol=1e-3)
    # positions give c and |(a, b)| from delta, which gradient descent does not quite keep: the
    # parameters themselves are those of torch to rounding
    samples = pf.Samples.from_file(here / "data.csv")
    step = float(own["learning_rate"]) * 2.0 / samples.size
    sim = pf.Simulation(samples, pf.Neurons.from_file(here / "start.npz", alpha=1.0),
                        pf.GradientDescent(step))  # fmt: skip
    sim.run(step * int(own["epochs"]))
    assert_allclose(sim.predict(X), function_of(end), rtol=0, atol=1e-12)
    for got, name in zip(sim.neurons.to_numpy(), ("0.weight", "0.bias", "2.weight"), strict=True):
        assert_allclose(got, end[name].ravel(), rtol=0, atol=1e-12)
    assert np.abs(function_of(end) - function_of(start)).max() > 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.bias": None}, "0.bias: is missing: without biases all knots stay at 0"),
        ({"2.bias": np.array([0.25])}, "2.bias: is 0.25: networks here have no bias of the last"),
        ({"0.bias": np.ones(3)}, r"0.bias: expected shape \(6,\), found \(3,\)"),
        ({"0.weight": np.ones((M, 2))}, r"found 0.weight \(6, 2\) and 2.weight \(1, 6\)"),
        ({"2.weight": np.ones((2, M))}, r"found 0.weight \(6, 1\) and 2.weight \(2, 6\)"),
        ({"2.weight": np.ones((1, 5))}, r"found 0.weight \(6, 1\) and 2.weight \(1, 5\)"),
        ({"2.weight": None}, r"found weights of 1 layers: 0.weight \(6, 1\), 0.bias \(6,\)"),
        ({"4.weight": np.ones((1, 1))}, "found weights of 3 layers"),
        ({"1.running_mean": np.ones(M)}, "found 1.running_mean too"),
        ({"0.bias": np.full(M, np.nan)}, "is nan: expected a finite number"),
        ({"0.bias": np.array(["x"] * M)}, "0.bias: expected numbers, found"),
    ],
)
def test_other_architectures_are_refused(changes, message):
    state = {**STATE, **changes}
    with pytest.raises(pf.NeuronsError, match=message):
        pf.Neurons.from_torch({name: v for name, v in state.items() if v is not None})


@pytest.mark.parametrize("value", [None, 3, [1.0, 2.0], "model.pt"])
def test_what_is_no_module(value):
    with pytest.raises(pf.NeuronsError, match="expected a torch module or its state_dict, found"):
        pf.Neurons.from_torch(value)


class Module:
    """As much of a module of torch as is looked at."""

    layers = ()

    def children(self):
        return iter(self.layers)

    def modules(self):
        yield self
        for layer in self.layers:
            yield from layer.modules()

    def state_dict(self):
        return STATE


def fake(name, layers=()):
    """A module whose class has this name, with layers of other ones."""
    made = type(name, (Module,), {})()
    made.layers = [fake(layer) for layer in layers]
    return made


@pytest.mark.parametrize(
    ("layers", "name", "found"),
    [
        (("Linear", "ReLU", "Linear"), "Sequential", None),
        (("Linear", "Identity", "ReLU", "Linear"), "Sequential", None),
        (("Linear", "Linear"), "Sequential", "Linear, Linear"),
        (("ReLU", "Linear", "Linear"), "Sequential", "ReLU, Linear, Linear"),
        (("Linear", "ReLU", "Linear", "ReLU"), "Sequential", "Linear, ReLU, Linear, ReLU"),
        (("Linear", "Tanh", "Linear"), "Net", "Tanh"),
        (("Linear", "Linear"), "Net", None),  # its forward may call relu
    ],
)
def test_layers_of_a_module(layers, name, found):
    module = fake(name, layers)
    if found is None:
        assert pf.Neurons.from_torch(module).size == M
    else:
        with pytest.raises(pf.NeuronsError, match=f", found {found}$"):
            pf.Neurons.from_torch(module)


def test_states_that_are_made(monkeypatch):
    """Whatever the alpha and the weights, f is that of a network that nothing divides."""
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=lambda array: array))
    a, b, c = np.random.default_rng(2).standard_normal((3, 9))
    neurons = pf.Neurons(a, b, c, alpha=50.0, weights=np.arange(1.0, 10.0))
    state = neurons.to_torch()
    assert {name: v.shape for name, v in state.items()} == {
        "0.weight": (9, 1), "0.bias": (9,), "2.weight": (1, 9)
    }  # fmt: skip
    f = pf.Simulation(pf.Samples(X, X), neurons).predict(X)
    assert_allclose(function_of(state), f, rtol=0, atol=1e-13)


def test_a_last_bias_of_zero_and_other_names():
    state = {"hidden.weight": STATE["0.weight"], "hidden.bias": STATE["0.bias"],
             "predict.weight": STATE["2.weight"], "predict.bias": np.zeros(1)}  # fmt: skip
    neurons = pf.Neurons.from_torch(state)
    sim = pf.Simulation(pf.Samples(X, X), neurons)
    assert_allclose(sim.predict(X), function_of(STATE), rtol=1e-13)
    half = pf.Neurons.from_torch(state, alpha=2.0)
    assert_allclose(pf.Simulation(pf.Samples(X, X), half).predict(X), function_of(STATE) / 2.0,
                    rtol=1e-13)  # fmt: skip


def test_back_in_raw_units():
    a, b, c = np.random.default_rng(0).standard_normal((3, 9))
    for got, given in zip(pf.Neurons.from_parameters(a, b, c, 3.0).to_numpy(), (a, b, c),
                          strict=True):  # fmt: skip
        assert_allclose(got, given, rtol=1e-15)


@needs_torch
def test_modules_in_and_out():
    import torch

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(1, 7), torch.nn.ReLU(), torch.nn.Linear(7, 1))
    with pytest.raises(pf.NeuronsError, match=r"2\.bias: is "):
        pf.Neurons.from_torch(module)
    with torch.no_grad():
        module[2].bias.zero_()
    neurons = pf.Neurons.from_torch(module)
    points = torch.linspace(-2.0, 2.0, 33)[:, None]
    expected = module(points).detach().numpy().ravel()
    assert_allclose(pf.Simulation(pf.Samples(X, X), neurons).predict(X), expected, atol=1e-6)
    again = torch.nn.Sequential(
        torch.nn.Linear(1, 7), torch.nn.ReLU(), torch.nn.Linear(7, 1, bias=False)
    ).double()
    again.load_state_dict(neurons.to_torch())
    assert_allclose(again(points.double()).detach().numpy().ravel(), expected, atol=1e-6)
    # of other alphas and weights, too, the function is that of the plain network
    weighted = pf.Neurons(neurons.a, neurons.b, neurons.c, alpha=50.0, weights=np.arange(1.0, 8.0))
    again.load_state_dict(weighted.to_torch())
    f = pf.Simulation(pf.Samples(X, X), weighted).predict(X)
    assert_allclose(again(points.double()).detach().numpy().ravel(), f, rtol=0, atol=1e-12)
    half = module.to(torch.bfloat16)
    assert pf.Neurons.from_torch(half).size == 7
    assert set(neurons.to_torch(names=("fc1", "fc2"))) == {"fc1.weight", "fc1.bias", "fc2.weight"}
    for other in (torch.nn.Tanh(), torch.nn.Dropout()):
        wrong = torch.nn.Sequential(torch.nn.Linear(1, 7), other, torch.nn.Linear(7, 1, bias=False))
        with pytest.raises(pf.NeuronsError, match=f"found {type(other).__name__}"):
            pf.Neurons.from_torch(wrong)


@needs_torch
@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
def test_500_epochs_beside_torch(weight_decay):
    """SGD in float64 on MSELoss, and gradient descent here, to 1e-12."""
    import torch

    torch.manual_seed(1)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, 30), torch.nn.ReLU(), torch.nn.Linear(30, 1, bias=False)
    ).double()
    samples = pf.Samples.generate("sine", 8)
    step = pf.step_in_tau(0.05, alpha=1.0, loss="mean", rows=8)
    decay = pf.decay_in_tau(weight_decay, alpha=1.0, loss="mean", rows=8)
    neurons = pf.Neurons.from_torch(module)
    sim = pf.Simulation(samples, neurons, pf.GradientDescent(step), decay=decay)
    x, y = (torch.tensor(v)[:, None] for v in (samples.x, samples.y))
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05, weight_decay=weight_decay)
    for _ in range(500):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(module(x), y).backward()
        optimiser.step()
    sim.run(500 * step)
    with torch.no_grad():
        expected = module(torch.tensor(X)[:, None]).numpy().ravel()
    assert_allclose(sim.predict(X), expected, rtol=0, atol=1e-12)
    assert_array_equal(sim.step, 500)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(pf.NeuronsError, match="to_torch: torch is not installed; to_numpy gives"):
        pf.Neurons.from_torch(STATE).to_torch()
