"""The kernels for CUDA as one thread of the CPU."""

import inspect

import agreement
import numpy as np
import pytest

import particleflow as pf

pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")

from one_thread import Counting, launch, take_the_place_of_a_device

from particleflow.kernels import cpu, cuda
from particleflow.kernels.cuda import _jit, arrays, slots, sums
from particleflow.kernels.cuda.descent import REST, push
from particleflow.kernels.records import Neurons, Rest, Tiles

pytestmark = pytest.mark.cuda


@pytest.fixture
def one_thread(monkeypatch):
    return take_the_place_of_a_device(monkeypatch)


@pytest.mark.slow
def test_every_kernel_as_one_thread(one_thread):
    m = 200_000
    agreement.start_and_order(m, 6)
    for metric in agreement.METRICS:
        agreement.sums(m, 6, metric)
        agreement.push(m // 50, 6, metric)
        agreement.descent(m, 6, metric, steps=8)
        agreement.runge_kutta(m, 6, metric)
    agreement.fields(9)
    agreement.overflow(1000, 4)
    agreement.starts_on_repulsors(1000)
    agreement.passes(m, 6, 0.4, exact=True)
    agreement.decay(m // 50, 6)
    assert one_thread == set(_jit.KERNELS.values())


@pytest.mark.slow
def test_runs_as_one_thread(one_thread):
    for integrator in (pf.Boost(1e-3), pf.GradientDescent(0.01), pf.RungeKutta(1e-3)):
        agreement.run(integrator, "network", 20_000, 0.5)


@pytest.mark.slow
def test_arrivals_at_the_origin_may_differ_in_single_precision(one_thread):
    """A neuron that comes to the origin may go on in one precision and rest there in the other."""
    samples = pf.Samples.generate("square_wave", 6)
    ends = []
    for device in ("cpu", "cuda"):
        start = pf.initialise("reduced", 5000, delta=1.0, seed=1)
        sim = pf.Simulation(samples, start, pf.Boost(1e-4), device=device, state_dtype="float32")
        sim.run(5.0)
        ends.append(sim)
    assert ends[0].state.origins > 100
    assert np.abs(ends[0].residual - ends[1].residual).max() < 3e-4


@pytest.mark.slow
@pytest.mark.parametrize("delta", [-1.0, 1.0])
@pytest.mark.parametrize("integrator", [pf.Boost(1e-3), pf.GradientDescent(0.01)],
                         ids=["boost", "gd"])  # fmt: skip
def test_single_precision_as_one_thread(one_thread, integrator, delta):
    one, two = (sim.state for sim in agreement.run_single(integrator, 20_000, delta, 2.0, 5e-7))
    if integrator.name == "boost":  # both kinds of passages through c = 0 are among what agrees
        found = (one.origins, two.origins) if delta > 0.0 else (one.releases, two.releases)
        assert found[0] > 50
        assert abs(found[0] - found[1]) < 0.02 * found[0]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bytes_of_a_step(one_thread, dtype):
    """A step of gradient descent reads every cell, moves every living neuron once, and little else.

    Whoever is looked at again, since it counts in a far sector, costs a line of each array.
    """
    m, s, tile = 20_000, 10, slots.ROUNDS * _jit.THREADS
    state = agreement.pair(m, s, dtype=dtype)[1]
    state.gradient_descent(1e-3, 1)  # sorted, and homes are known
    slots_of, work = state.order.slots, np.zeros((2 * s, 2))
    x, counters = state.x.astype(dtype), np.zeros(4, np.int64)
    of_neurons = [Counting(np.asarray(v)) for v in (*state.neurons, slots_of.rest.neurons)]
    of_tiles = [
        Counting(np.asarray(v)) for v in (slots_of.homes, slots_of.near(2), slots_of.rest.count)
    ]
    *neurons, rest = of_neurons
    homes, near, count = of_tiles
    field = (3e-3 * state.field()).astype(dtype)
    launch(push, Neurons(*neurons), field, x, 0, Tiles(homes, near), Rest(rest, count), counters)
    share = counters[REST] / m
    assert 0.001 < share < 0.02
    again = [Counting(v.array, whole_lines=True) for v in of_neurons]
    *neurons, rest = again
    bins, used = np.asarray(slots_of.bins(2 * s, 2)), np.asarray(slots_of.used)
    launch(sums.add_rest, Neurons(*neurons), Rest(rest, count), bins, used, s)
    launch(sums.combine, Tiles(homes, near), 3, bins, used, work)
    moved = sum(v.bytes for v in of_neurons + again) / m
    moved += sum(v.bytes for v in of_tiles) / slots_of.n_tiles / tile
    living = np.isin(state.cells(), [s, 4 * s], invert=True).mean()
    minimum = 4 + 6 * np.dtype(dtype).itemsize * living
    assert minimum < moved < 1.25 * minimum


@pytest.mark.slow
def test_any_split_of_the_steps_gives_the_same_bits(one_thread):
    """When neurons are sorted again does not depend on how many steps a call takes."""
    ends = []
    for split in ([400], [1, 63, 36, 150, 150]):
        state = agreement.pair(3000, 4)[1]
        for n in split:
            state.gradient_descent(5e-3, n)
        assert not np.array_equal(
            np.asarray(state.order.ident), np.asarray(agreement.pair(3000, 4)[1].order.ident)
        )
        ends.append((state.residual, state.parameters(), np.asarray(state.order.ident)))
    for one, two in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, two)


def test_when_to_sort_again_is_restored(one_thread):
    """A state goes on in the order, and to the bits, of the one that it was taken from."""
    one, two = (agreement.pair(3000, 4)[1] for _ in range(2))
    one.gradient_descent(5e-3, 100)
    assert one.order.slots.clock.steps == 100  # between two looks at whether to sort
    two.restore(one.snapshot())
    order = np.array(one.order.ident)
    for state in (one, two):
        state.gradient_descent(5e-3, 400)
    assert not np.array_equal(np.asarray(one.order.ident), order)  # it was sorted meanwhile
    np.testing.assert_array_equal(np.asarray(one.order.ident), np.asarray(two.order.ident))
    np.testing.assert_array_equal(one.parameters(), two.parameters())
    np.testing.assert_array_equal(one.residual, two.residual)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-3), pf.GradientDescent(1e-3), pf.RungeKutta(1e-3),
], ids=lambda i: i.name)  # fmt: skip
def test_checkpoints_as_one_thread(one_thread, integrator, dtype):
    agreement.checkpoints(integrator, 5000, dtype)


@pytest.mark.slow
def test_launches_of_a_step(one_thread):
    """Gradient descent 4 a step, the exact flow 5 a pass; few others in a call."""

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
    one, many = (launches(lambda: sim.run(until)) for until in (1e-3, 12e-3))  # noqa: B023
    assert many - one == (11 - 2) * 5  # the first step is of two passes


def test_sorts_do_not_repeat_where_sectors_are_narrower_than_tiles(one_thread):
    """Some neurons then count in far sectors however they are sorted: no reason to sort again."""
    samples = pf.Samples.generate("square_wave", 100)
    sim = pf.Simulation(samples, pf.initialise("reduced", 40, delta=-20.0), pf.Boost(step=1e-6),
                        device="cuda")  # fmt: skip
    sim.run(1e-6)

    def launches_to(until):
        before = sum(kernel.launches for kernel in _jit.KERNELS.values())
        sim.run(until)
        return sum(kernel.launches for kernel in _jit.KERNELS.values()) - before

    one, many = launches_to(2e-6), launches_to(23e-6)  # of one step, and of 21
    assert many - one == 20 * 5  # of one pass each


def test_a_frame_is_copied_when_it_is_packed_and_waited_for_when_it_is_copied(monkeypatch):
    """In which order streams and events are asked for what."""
    log = []

    class Named:
        def __init__(self, name):
            self.name = name

    class Stream(Named):
        def synchronize(self):
            log.append(("synchronize", self.name))

    class Event(Named):
        def record(self, stream):
            log.append(("record", self.name, stream.name))

        def wait(self, stream):
            log.append(("wait", self.name, stream.name))

        def synchronize(self):
            log.append(("synchronize", self.name))

    class DeviceArray(np.ndarray):
        def copy_to_host(self, out, stream):
            log.append(("copy", stream.name))

    class Cuda:
        names = iter(["packed", "copied"])
        pinned_array = staticmethod(np.empty)
        current_context = staticmethod(lambda: log.append(("context",)))

        @staticmethod
        def device_array(shape, dtype, stream):
            return np.empty(shape, dtype).view(DeviceArray)

        @staticmethod
        def stream():
            return Stream("second")

        @staticmethod
        def event():
            return Event(next(Cuda.names))

    monkeypatch.setattr(arrays, "cuda", Cuda)
    monkeypatch.setattr(arrays, "stream", lambda: Stream("first"))
    frame = arrays.Frame(3, np.float32, (3, 3, 0, 0))
    frame.on_device(np.float64)
    frame.fetch()
    frame.wait()
    assert log == [
        ("record", "packed", "first"), ("wait", "packed", "second"), ("copy", "second"),
        ("copy", "second"), ("record", "copied", "second"), ("context",),
        ("synchronize", "copied"),
    ]  # fmt: skip


def test_few_blocks_are_no_reason_to_warn(monkeypatch):
    """Many launches are of one block; numba-cuda takes that for a mistake."""
    from numba.cuda.core.errors import NumbaPerformanceWarning
    from numba.cuda.dispatcher import _LaunchConfiguration

    class Dispatcher:
        def __getitem__(self, launch):
            blocks, threads, _ = launch
            return _LaunchConfiguration(None, (blocks, 1, 1), (threads, 1, 1), 0, 0)

    with pytest.warns(NumbaPerformanceWarning):
        Dispatcher()[1, 256, 0]
    monkeypatch.setattr(_jit.Kernel, "compiled", lambda *_: Dispatcher())
    monkeypatch.setattr(_jit, "stream", lambda: 0)
    push.launcher.__wrapped__(push, "float64", "float64", 1)  # an error if it warns


def test_both_devices_offer_the_same_functions():
    def parameters(function):
        function = getattr(function, "py_func", function)
        return list(inspect.signature(function).parameters)

    of_the_host_only = {
        "cell_masses",
        "hessian_product",
        "locate_all",
        "slot_bounds",
        "to_direction",
        "wants_order",
    }
    assert set(cuda.__all__) == set(cpu.__all__) - of_the_host_only
    for name in set(cuda.__all__) - {"order_of"}:  # made of other things
        assert parameters(getattr(cuda, name)) == parameters(getattr(cpu, name)), name
