"""The integrator `Boost`: steps and time to tau = 20, its kernel against a stream, its order.

The reference of errors is `Boost` at tolerance 1e-7, and gradient descent at dtau = 2e-5 stands
beside it. Errors are root mean squares over the samples of the residuals at tau = 20.
"""

from pathlib import Path

import numpy as np
import pytest
from streams import median_seconds, out_of_place

import particleflow as pf
from particleflow import tangent_kernel
from particleflow.backend import FrozenFlow, State

DATA = Path(__file__).parent.parent / "data"
UNTIL = 20.0
ERROR = 1e-3


def simulate(samples, neurons, integrator, until=UNTIL):
    sim = pf.Simulation(samples, neurons, integrator)
    sim.run(until)
    return sim


def distance(one, two):
    return float(np.sqrt(np.mean((one.residual - two.residual) ** 2)))


def descent_for(error, samples, neurons, reference):
    """Gradient descent with the longest step dtau = 2^-k that is this close to the reference."""
    for k in range(4, 18):
        sim = simulate(samples, neurons, pf.GradientDescent(2.0**-k))
        if distance(sim, reference) < error:
            return sim
    raise AssertionError("gradient descent does not get there")


@pytest.mark.parametrize("delta", [1.0, -1.0])
@pytest.mark.parametrize("s", [10, 20, 50])
def test_steps(benchmark, s, delta):
    """Square wave, m = 1,000: steps at several tolerances; at s = 10 also those of descent."""
    samples = pf.Samples.generate("square_wave", s)
    neurons = pf.initialise("reduced", 1000, delta=delta, seed=0)
    reference = simulate(samples, neurons, pf.Boost(1e-7))
    for tolerance in (1e-2, 3e-3, 1e-3, 1e-4):
        sim = simulate(samples, neurons, pf.Boost(tolerance))
        benchmark.extra_info[f"tolerance {tolerance:g}"] = {
            "steps": sim.step, "rejected": sim.rejected, "error": distance(sim, reference),
        }  # fmt: skip
    if s == 10:
        descent = descent_for(ERROR, samples, neurons, reference)
        fine = simulate(samples, neurons, pf.GradientDescent(2e-5))
        benchmark.extra_info.update(
            descent_steps=descent.step,
            descent_error=distance(descent, reference),
            fine_descent_from_reference=distance(fine, reference),
        )
    benchmark.pedantic(lambda: simulate(samples, neurons, pf.Boost(1e-3)), rounds=3)


@pytest.mark.parametrize("delta", [1.0, -1.0])
def test_against_a_pytorch_loop(benchmark, quick, delta):
    """Time to tau = 20 within 1e-3 at m = 10^5, s = 10; descent's steps times its time a step.

    The loop is what users write: a dense network, autograd, torch.optim.SGD, all threads. It is
    timed over some steps and taken for as many as descent needs, found with our own kernel, which
    takes the same steps (tests/test_integrators.py).
    """
    torch = pytest.importorskip("torch", reason="the extra `peers` is not installed")
    m = 10**4 if quick else 10**5
    samples = pf.Samples.generate("square_wave", 10)
    neurons = pf.initialise("reduced", m, delta=delta, seed=0)
    reference = simulate(samples, neurons, pf.Boost(1e-6))
    sim = simulate(samples, neurons, pf.Boost(3e-3))
    error = distance(sim, reference)
    assert error < ERROR
    descent = descent_for(ERROR, samples, neurons, reference)

    x, y = torch.tensor(samples.x), torch.tensor(samples.y)
    a, b, c = (torch.tensor(v, requires_grad=True) for v in (neurons.a, neurons.b, neurons.c))
    optimiser = torch.optim.SGD([a, b, c], lr=m * UNTIL / descent.step)

    def step():
        optimiser.zero_grad()
        rho = torch.relu(x[:, None] * a + b) @ c / m - y
        (0.5 * (rho**2).sum()).backward()
        optimiser.step()

    loop = median_seconds(step, repeats=30) * descent.step
    benchmark.pedantic(lambda: simulate(samples, neurons, pf.Boost(3e-3)), rounds=5)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(
        m=m,
        error=error,
        steps=sim.step,
        rejected=sim.rejected,
        descent_steps=descent.step,
        steps_ratio=descent.step / sim.step,
        loop_seconds=loop,
        seconds=seconds,
        time_ratio=loop / seconds,
        torch=torch.__version__,
    )


def frozen_flow(samples, m, init="reduced"):
    """A state, its flow, the residuals that freeze the field, and a step with 1 % of crossings."""
    neurons = pf.initialise(init, m, seed=0)
    parameters = (neurons.a, neurons.b, neurons.c)
    state = State(samples.x, samples.y, parameters, "network", pf.Boost.run_length)
    flow, rho = FrozenFlow(state), state.residual.copy()
    low, high = 0.0, 1.0
    for _ in range(40):
        h = 0.5 * (low + high)
        arrival = flow.look(rho, h)
        if arrival.finite and arrival.tally[0] <= 0.01 * m:
            low = h
        else:
            high = h
    return state, flow, rho, low


def co2(count):
    """``count`` weeks of the CO2 series, evenly spread."""
    whole = pf.Samples.from_csv(DATA / "co2.csv").normalised()
    chosen = np.linspace(0, whole.size - 1, count).astype(int)
    return pf.Samples(whole.x[chosen], whole.y[chosen])


def test_advance_against_the_stream(benchmark, quick):
    """One pass over m = 10^7 neurons, 1 % of which meet a ray, against a copy of their bytes."""
    m = 10**6 if quick else 10**7
    state, flow, rho, h = frozen_flow(pf.Samples.generate("square_wave", 10), m)
    to = np.empty_like(state.variables), np.empty_like(state.cell)

    def limit():
        return median_seconds(lambda: out_of_place(*state.variables, state.cell, *to[0], to[1]))

    limits = [limit()]
    benchmark.pedantic(lambda: flow.go(rho, h), rounds=9, warmup_rounds=1)
    limits.append(limit())
    seconds = benchmark.stats.stats.median
    looked = median_seconds(lambda: flow.look(rho, h))
    benchmark.extra_info.update(
        m=m,
        crossings_a_neuron=float(flow.go(rho, h).tally[0] / m),
        ns_a_neuron=1e9 * seconds / m,
        ns_a_neuron_without_storing=1e9 * looked / m,
        stream_ns_a_neuron=1e9 * sum(limits) / 2 / m,
        share_of_out_of_place_stream=sum(limits) / 2 / seconds,
    )


@pytest.mark.parametrize("s", [10, 64, 200, 1000])
def test_mean_residual(benchmark, monkeypatch, s):
    """phi_1(-h H) rho of a new H: by eigenvectors and in a Krylov space, at tolerance 1e-4."""
    samples = pf.Samples.generate("square_wave", s)
    sim = simulate(samples, pf.initialise("reduced", 5000, seed=0), pf.Boost(1e-4), 1.0)
    covariances, h = sim.state.kernel_covariances(), sim._motion._h
    for name, most in (("eigenvectors", s), ("krylov", 0)):
        monkeypatch.setattr(tangent_kernel, "MOST_DENSE", most)

        def mean():
            accuracy = 1e-7 * samples.spread
            return tangent_kernel.MeanResidual(covariances, sim.residual, samples.x, accuracy)(h)

        benchmark.extra_info[f"milliseconds by {name}"] = 1e3 * median_seconds(mean)
    benchmark.pedantic(mean, rounds=5)


def test_many_samples(benchmark, quick):
    """A pass at s = 2,000 (CO2) against one at s = 10, both with 1 % crossings; then whole runs.

    A step is two passes and the residual ODE.
    """
    m = 10**5 if quick else 10**6
    cases = {10: pf.Samples.generate("square_wave", 10), 2000: co2(2000)}
    seconds = {}
    for s, samples in cases.items():
        _, flow, rho, h = frozen_flow(samples, m, "gaussian")
        seconds[s] = median_seconds(lambda flow=flow, rho=rho, h=h: flow.go(rho, h))
        benchmark.extra_info[f"s={s}: ns a neuron a pass"] = 1e9 * seconds[s] / m
    benchmark.extra_info["ratio of passes at 1 % crossings"] = seconds[2000] / seconds[10]
    for s, samples in cases.items():
        sim = pf.Simulation(samples, pf.initialise("gaussian", m, seed=0), pf.Boost(1e-3))
        for until in (0.01, 1.0, UNTIL):
            before = sim.step + sim.rejected, sim.state.crossings.sum()
            took = median_seconds(lambda sim=sim, until=until: sim.run(until), 1, warm=False)
            trials = sim.step + sim.rejected - before[0]
            benchmark.extra_info[f"s={s}: to tau = {until:g}"] = {
                "trial steps": trials,
                "ms a trial step": 1e3 * took / trials,
                "crossings a neuron a trial step": float(
                    (sim.state.crossings.sum() - before[1]) / m / trials
                ),
            }
    benchmark.pedantic(lambda: None, rounds=1)


def test_agreement_as_neurons_grow(benchmark, quick):
    """s = 20, tau = 20: distance from gradient descent, and that of descent from half its step."""
    samples = pf.Samples.generate("square_wave", 20)
    for m in (10**3, 10**4) if quick else (10**3, 10**4, 10**5):
        neurons = pf.initialise("reduced", m, delta=-1.0, seed=0)
        sim = simulate(samples, neurons, pf.Boost(1e-5))
        coarse, fine = (simulate(samples, neurons, pf.GradientDescent(2.0**-k)) for k in (12, 13))
        benchmark.extra_info[f"m = {m}"] = {
            "boost from descent": distance(sim, fine),
            "descent from descent": distance(coarse, fine),
        }
    benchmark.pedantic(lambda: None, rounds=1)


def test_drift(benchmark, quick):
    """Largest drift of delta over 10^5 fixed steps, in units of a^2 + b^2 + c^2."""
    steps = 10**4 if quick else 10**5
    samples = pf.Samples.generate("square_wave", 10)
    for delta in (-1.0, 0.0, 1.0):
        sim = pf.Simulation(samples, pf.initialise("reduced", 100, delta=delta, seed=1),
                            pf.Boost(step=1e-3))  # fmt: skip
        before = sim.state.delta()
        sim.run(steps * 1e-3)
        assert sim.step == steps
        benchmark.extra_info[f"delta = {delta:g}"] = sim.state.largest_drift(before)
    benchmark.pedantic(lambda: None, rounds=1)


def test_order(benchmark, quick):
    """Slope of the residual error over five halvings of the step, with crossings and slides.

    Beside it how many neurons end elsewhere at the smallest step than in the reference: where the
    flow is not unique they may go another way, each at the cost of O(1/m).
    """
    samples = pf.Samples.generate("square_wave", 10)
    m, until = 10**3 if quick else 10**4, 1.0
    for delta in (-1.0, 0.0, 1.0):
        slopes, elsewhere, origins, smallest = [], [], [], []
        for seed in range(8):
            neurons = pf.initialise("reduced", m, delta=delta, seed=seed)
            reference = simulate(samples, neurons, pf.Boost(step=until / 4096), until)
            sizes, errors = 2 ** np.arange(3, 9), []
            for n in sizes:
                sim = simulate(samples, neurons, pf.Boost(step=until / n), until)
                errors.append(distance(sim, reference))
            slopes.append(float(-np.polyfit(np.log(sizes), np.log(errors), 1)[0]))
            away = np.abs(sim.state.parameters() - reference.state.parameters()).max(axis=0)
            elsewhere.append(int((away > 0.05).sum()))
            origins.append(reference.state.origins)
            smallest.append(errors[-1])
        benchmark.extra_info[f"delta = {delta:g}"] = {
            "slopes": slopes,
            "median slope": float(np.median(slopes)),
            "median error at the smallest step": float(np.median(smallest)),
            "neurons elsewhere": elsewhere,
            "arrivals at the origin": origins,
        }
    benchmark.pedantic(lambda: None, rounds=1)
