"""The kernels for CUDA as one thread of the CPU."""

import agreement
import numpy as np
import pytest

import particleflow as pf

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

from one_thread import Counting, launch, take_the_place_of_a_device

from particleflow.kernels.cuda import _jit, slots, sums
from particleflow.kernels.cuda.gradient_descent import REST, push


@pytest.fixture
def one_thread(monkeypatch):
    return take_the_place_of_a_device(monkeypatch)


def test_a_million_neurons_as_one_thread(one_thread):
    m = 1_000_000
    agreement.start_and_order(m, 6)
    for metric in ("network", "euclidean"):
        agreement.sums(m, 6, metric)
        agreement.push(m // 50, 6, metric)
        agreement.descent(m, 6, metric, steps=8)
        agreement.runge_kutta(m, 6, metric)
    agreement.fields(9)
    agreement.passes(m, 6, 0.4, exact=True)
    assert one_thread == set(_jit.KERNELS.values())


def test_runs_as_one_thread(one_thread):
    for integrator in (pf.Boost(1e-3), pf.GradientDescent(0.01), pf.RungeKutta(1e-3)):
        agreement.run(integrator, "network", 20_000, 0.5)


@pytest.mark.parametrize("delta", [-1.0, 1.0])
@pytest.mark.parametrize("integrator", [pf.Boost(1e-3), pf.GradientDescent(0.01)],
                         ids=["boost", "gd"])  # fmt: skip
def test_single_precision_as_one_thread(one_thread, integrator, delta):
    one, two = (sim.state for sim in agreement.run_single(integrator, 20_000, delta, 2.0, 5e-7))
    if integrator.name == "boost":  # both kinds of passages through c = 0 are among what agrees
        found = (one.origins, two.origins) if delta > 0.0 else (one.releases, two.releases)
        assert found[0] > 50
        assert abs(found[0] - found[1]) < 0.02 * found[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bytes_of_a_step(one_thread, dtype):
    """A step of gradient descent reads every cell, moves every living neuron once, and little else.

    Whoever is looked at again, since it counts in a far sector, costs a line of each array.
    """
    m, s, tile = 20_000, 10, slots.ROUNDS * _jit.THREADS
    state = agreement.pair(m, s, dtype=dtype)[1]
    state.gradient_descent(1e-3, 1)  # sorted, and homes are known
    table, work = state.slots, np.zeros((2 * s, 2))
    x, counters = state.x.astype(dtype), np.zeros(4, np.int64)
    of_neurons = [Counting(np.asarray(v)) for v in (*state.rows, state.cell, table.rest)]
    of_tiles = [Counting(np.asarray(v)) for v in (table.homes, table.near(2), table.count)]
    *rows, cell, rest = of_neurons
    homes, near, count = of_tiles
    field = (3e-3 * state.field()).astype(dtype)
    launch(push, *rows, cell, homes, field, x, 0, near, rest, count, counters)
    share = counters[REST] / m
    assert 0.001 < share < 0.02
    again = [Counting(v.array, whole_lines=True) for v in of_neurons]
    *rows, cell, rest = again
    bins, used = table.bins(2 * s, 2), np.asarray(table.used)
    launch(sums.add_rest, *rows, cell, rest, count, bins, used, s)
    launch(sums.combine, homes, near, 3, bins, used, work)
    moved = sum(v.bytes for v in of_neurons + again) / m
    moved += sum(v.bytes for v in of_tiles) / table.n_tiles / tile
    living = np.isin(state.cells(), [s, 4 * s], invert=True).mean()
    minimum = 4 + 6 * np.dtype(dtype).itemsize * living
    assert minimum < moved < 1.25 * minimum


def test_launches_of_a_step(one_thread):
    """Gradient descent 4 a step, the exact flow 10; few others in a call."""

    def launches(function):
        before = sum(kernel.launches for kernel in _jit.KERNELS.values())
        function()
        return sum(kernel.launches for kernel in _jit.KERNELS.values()) - before

    state = agreement.pair(500, 3)[1]
    one, many = (launches(lambda: state.gradient_descent(1e-3, n)) for n in (1, 11))  # noqa: B023
    assert many - one == 10 * 4
    assert one == 5
    samples = pf.Samples.generate("square_wave", 4)
    sim = pf.Simulation(samples, pf.initialise("reduced", 500, delta=-20.0), pf.Boost(step=1e-3),
                        device="cuda")  # fmt: skip
    assert launches(lambda: sim.run(1e-3)) == 10
