"""What becomes of the neurons in a pass of the exact flow, and what each kind costs.

Passes of a run are stopped at some moments. Every neuron is moved alone, which says what it meets;
then those of a kind are repeated up to some number, and a pass over them alone is timed.
"""

import numpy as np
import pytest
from series import samples_of
from streams import median_seconds

import particleflow as pf
from particleflow.kernels import _jit, cpu, host
from particleflow.kernels.events import (
    CROSSINGS,
    ORIGINS,
    REPULSORS,
    TALLIES,
    go_on,
    ray_of,
    recheck,
)
from particleflow.kernels.host.arrivals import room_to_arrive
from particleflow.kernels.maps import frozen_field, mapped, maps_of
from particleflow.kernels.records import Neurons

KINDS = (
    "map", "c changes sign", "one crossing", "several crossings", "arrives on a ray",
    "released", "released, and slides", "dies", "origin",
)  # fmt: skip
CASES = {
    "square wave, delta 1": ("square_wave", 10, 1.0, (0.1, 1.0, 5.0)),
    "square wave, delta -1": ("square_wave", 10, -1.0, (0.1, 1.0, 5.0)),
    "sine, s = 100": ("sine", 100, 1.0, (0.1, 1.0, 5.0)),
    "CO2": (None, 2000, 1.0, (0.01, 0.1, 1.0)),
}


@_jit.driver
def _move_alone(z, cell, h, field, x, moved, tally):
    """Where each neuron ends, (4, m), its cell last, and what it meets, (m, TALLIES + 1).

    The last element is whether the map of its cell is enough.
    """
    s = x.size
    frozen = frozen_field(field, x)
    maps = maps_of(frozen, h)
    for i in range(cell.size):
        a, b, c, k = z[0, i], z[1, i], z[2, i], np.int64(cell[i])
        doubt = mapped(a, b, c, k, maps, s)[3]
        tally[i, TALLIES] = not doubt
        left = ray_of(k, s)
        if left >= 0:
            k, is_repelled = recheck(a, c, left, frozen.rays)
            tally[i][REPULSORS] += is_repelled
        moved[0, i], moved[1, i], moved[2, i], moved[3, i] = go_on(
            a, b, c, k, h, left, frozen, tally[i]
        )


def kinds_of(begin, h, field, x):
    """The index in `KINDS` of each neuron that moves for the time h in this field."""
    z, cell, s = begin.variables, begin.cell, x.size
    moved, tally = np.empty((4, cell.size)), np.zeros((cell.size, TALLIES + 1), np.int64)
    _move_alone(z, cell, h, field, x, moved, tally)
    slid, slides = (2 * s <= k for k in (cell, moved[3]))
    crossings, there = tally[:, CROSSINGS], moved[3]
    conditions = [
        tally[:, TALLIES] == 1, tally[:, ORIGINS] > 0, there == s, slid & slides, slid, slides,
        crossings > 1, crossings == 1, crossings == 0,
    ]  # fmt: skip
    names = (
        "map", "origin", "dies", "released, and slides", "released", "arrives on a ray",
        "several crossings", "one crossing", "c changes sign",
    )  # fmt: skip
    return np.select(conditions, [KINDS.index(name) for name in names])


def ns_a_neuron(z, cell, h, field, state, count):
    """A pass over these neurons of a state, repeated up to ``count``, on one thread."""
    z, cell, s = np.resize(z.T, (count, 3)).T.copy(), np.resize(cell, count), state.x.size
    order = cpu.order_of(cpu.slot_bounds(count, s), s, True)
    cpu.sort_slots(Neurons(*z, cell), order)
    begin, end = Neurons(*z, cell), Neurons(*np.empty_like(z), np.empty_like(cell))
    arrival = room_to_arrive(s)

    def one_pass():
        assert cpu.exact_pass(begin, end, order, field, h, state.samples, arrival) >= 0

    return 1e9 * median_seconds(one_pass, 5) / count


@pytest.mark.parametrize("case", CASES)
def test_events(benchmark, quick, case):
    """Share of each kind, %, and ns a neuron of one core; one row a moment of the run."""
    kind, s, delta, times = CASES[case]
    samples, moments = samples_of(kind, s), []
    m, count = (10**4, 10**4) if quick else (10**5, 2 * 10**5)
    sim = pf.Simulation(samples, pf.initialise("reduced", m, delta=delta, seed=0), pf.Boost(1e-3),
                        threads=1)  # fmt: skip
    flow = sim._motion._flow
    for time in times:
        while flow.end < time:
            flow.take_steps(np.inf, 1)
        begin, h = flow._at_begin, flow.end - flow.begin
        mean, field = np.empty(samples.size), np.empty((2 * samples.size, 2))
        xt = sim.state.samples.xt
        covariances = flow._first.covariances + flow._change
        host.mean_residual.mean_residual(covariances, flow._first.residual, xt, h, 1e-9, mean)
        host.field.field(mean, xt, field)
        kinds = kinds_of(begin, h, field, samples.network_x)
        found = {}
        for n, name in enumerate(KINDS):
            those = kinds == n
            if those.sum() > 10:
                z, cell = begin.variables[:, those], begin.cell[those]
                ns = ns_a_neuron(z, cell, h, field, sim.state, count)
                found[name] = (100.0 * float(those.mean()), ns)
        moments.append({"tau": time, "h": h, "percent_and_ns": found})
    benchmark.extra_info.update(case=case, m=m, moments=moments)
    benchmark.pedantic(lambda: None, rounds=1)
