"""A published script of PyTorch beside the flow to the same end: the recipe ``alignment``.

The script is that of E. Boursier and N. Flammarion ("Early alignment in two-layer networks training
is a two-edged sword"): 20,000 neurons, 2,000,000 iterations of SGD in float32 on the mean squared
error. Its loop is timed over 2,000 iterations, of which the rest follows.
"""

import time
import tomllib

import numpy as np
import pytest

import particleflow as pf
from particleflow.gallery.make import recipe

ITERATIONS, RATE = 2_000_000, 1e-3


def data():
    """The two data sets of the recipe, by name."""
    tables = tomllib.loads(recipe("alignment"))["data"]
    return {name: (np.array(own["x"]), np.array(own["y"])) for name, own in tables.items()}


def seconds_of_loop(x, y, m, iterations):
    torch = pytest.importorskip("torch", reason="needs the extra peers")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, m), torch.nn.ReLU(), torch.nn.Linear(m, 1, bias=False)
    )
    inputs, targets = (torch.tensor(v, dtype=torch.float32)[:, None] for v in (x, y))
    optimiser, loss = torch.optim.SGD(module.parameters(), lr=RATE), torch.nn.MSELoss()
    begin = time.perf_counter()
    for _ in range(iterations):
        optimiser.zero_grad()
        loss(module(inputs), targets).backward()
        optimiser.step()
    return time.perf_counter() - begin


@pytest.mark.parametrize("name", ["three", "forty"])
def test_alignment(benchmark, quick, name):
    """The loop, scaled to its 2,000,000 iterations, over our slowest of the three starts."""
    x, y = data()[name]
    m, iterations = (500, 20) if quick else (20_000, 2000)
    samples = pf.Samples(x, y)
    end = ITERATIONS * pf.step_in_tau(RATE, 1.0, "mean", x.size)
    seconds = {}
    for start in ("balanced", "gaussian", "dominated"):
        own = []
        for _ in range(3):
            neurons = pf.initialise(start, m, alpha=1.0, scale="1e-3/sqrt(m)")
            begin = time.perf_counter()
            sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
            sim.run(end)
            own.append(time.perf_counter() - begin)
        seconds[start] = float(np.median(own))
    loop = seconds_of_loop(x, y, m, iterations) * ITERATIONS / iterations
    benchmark.extra_info.update(
        data=name, m=m, seconds=seconds, seconds_of_loop=loop,
        ratio=loop / max(seconds.values()),
    )  # fmt: skip
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.parametrize("start", ["balanced", "gaussian", "dominated"])
def test_alignment_beside_descent(benchmark, quick, start):
    """Residuals beside those of gradient descent at a tenth of the script's rate, m = 2,000."""
    x, y = data()["three"]
    m, end = (100, 6.0) if quick else (2000, 60.0)
    neurons = pf.initialise(start, m, alpha=1.0, scale="1e-3/sqrt(m)")
    residuals = []
    step = 0.1 * pf.step_in_tau(RATE, 1.0, "mean", x.size)
    for integrator in (pf.Boost(1e-4), pf.GradientDescent(step)):
        sim = pf.Simulation(pf.Samples(x, y), neurons, integrator)
        sim.run(end)
        residuals.append(sim.residual)
    benchmark.extra_info.update(
        start=start, m=m, difference=float(np.abs(residuals[0] - residuals[1]).max())
    )
    benchmark.pedantic(lambda: None, rounds=1)
