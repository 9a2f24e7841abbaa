"""A model of many ranks: ``python bench/scaling.py`` prints the tables of RANKS.md.

A pass over the neurons of a step (one of `gd`, two of `boost`) takes

    c m / (R t)  +  o  +  2 ceil(log2 R) (latency + bytes / bandwidth)

on R ranks of t threads: the neurons of a rank, what every rank does besides (the O(s) part of a
step, and the way through Python), and a tree of messages up and down whose size depends on the
samples alone.
"""

import math
from dataclasses import dataclass

PASSES = {"gd": 1, "boost": 2}
VALUES = {"gd": 2, "boost": 5}
"""Sums of a sector."""
BYTES_A_NEURON = {"gd": 57, "boost": 113}
"""Measured: `pytest --benchmark -k memory`."""
PAD = 8


@dataclass(frozen=True)
class Costs:
    """What a machine takes.

    Attributes
    ----------
    seconds_a_neuron : float
        Of a pass, one thread.
    overhead : float
        Seconds of a pass that do not depend on the neurons.
    latency : float
        Seconds of a message.
    bandwidth : float
        Bytes a second of a message.
    """

    seconds_a_neuron: float
    overhead: float
    latency: float
    bandwidth: float


def bytes_of_exchange(s: int, integrator: str) -> int:
    """Of one message."""
    return 8 * VALUES[integrator] * (2 * s + PAD)


def seconds_of_exchange(costs: Costs, s: int, integrator: str, ranks: int) -> float:
    """Of one pass: up and down a tree."""
    one = costs.latency + bytes_of_exchange(s, integrator) / costs.bandwidth
    return 2 * math.ceil(math.log2(ranks)) * one


def seconds_of_step(
    costs: Costs, m: float, s: int, integrator: str, ranks: int, threads: int = 1
) -> float:
    """Of all passes of a step."""
    own = costs.seconds_a_neuron * m / (ranks * threads)
    shared = seconds_of_exchange(costs, s, integrator, ranks)
    return PASSES[integrator] * (own + costs.overhead + shared)


def fewest_neurons(costs: Costs, s: int, integrator: str, ranks: int, threads: int) -> float:
    """Neurons a rank at which it spends half of its time on them."""
    rest = costs.overhead + seconds_of_exchange(costs, s, integrator, ranks)
    return rest * threads / costs.seconds_a_neuron


# neurons and overhead of one thread of the machine of RANKS.md, measured by
# `pytest --benchmark -k scaling_model` (`gd`, s = 10: two threads, `-k beside`);
# latency and bandwidth of a network of 100 Gbit/s, assumed
CLUSTER = {
    ("gd", 10): Costs(1.3e-9, 10e-6, 2e-6, 10e9),
    ("gd", 1000): Costs(2.4e-9, 157e-6, 2e-6, 10e9),
    ("boost", 10): Costs(5.7e-9, 73e-6, 2e-6, 10e9),
    ("boost", 1000): Costs(18.4e-9, 412e-6, 2e-6, 10e9),
}
THREADS = 16


def number(value: float) -> str:
    """Two digits."""
    if value >= 10000:
        exponent = math.floor(math.log10(value))
        return f"{value / 10**exponent:.1f} 10^{exponent}"
    return f"{float(f'{value:.2g}'):g}"


def print_scaling(title: str, sizes: list[tuple[int, int]]) -> None:
    """Times and efficiencies of these (neurons, ranks), beside the first."""
    print(f"\n{title}, {THREADS} threads a rank: milliseconds a step, efficiency\n")
    print("| integrator | s | " + " | ".join(f"R = {ranks:,}" for _, ranks in sizes) + " |")
    print("|---|---|" + "---|" * len(sizes))
    for (integrator, s), costs in CLUSTER.items():
        cells = []
        seconds = [seconds_of_step(costs, m, s, integrator, r, THREADS) for m, r in sizes]
        for (m, ranks), now in zip(sizes, seconds, strict=True):
            efficiency = seconds[0] / now * m / sizes[0][0] / ranks
            cells.append(f"{number(1e3 * now)}, {efficiency:.2f}")
        print(f"| `{integrator}` | {s:,} | " + " | ".join(cells) + " |")


def print_fewest() -> None:
    """Where more ranks stop paying."""
    print("\nNeurons a rank below which less than half of its time is theirs\n")
    print("| integrator | s | R = 2 | R = 64 | R = 4,096 |\n|---|---|---|---|---|")
    for (integrator, s), costs in CLUSTER.items():
        fewest = [fewest_neurons(costs, s, integrator, r, THREADS) for r in (2, 64, 4096)]
        print(f"| `{integrator}` | {s:,} | " + " | ".join(map(number, fewest)) + " |")


def print_large(s: int) -> None:
    """10^9 and 10^11 neurons."""
    print(f"\nLarge runs, s = {s:,}, {THREADS} threads a rank\n")
    print("| neurons | ranks | memory with `boost`, of a rank | step of `gd` | step of `boost` |")
    print("|---|---|---|---|---|")
    for m, ranks in ((10**9, 16), (10**9, 256), (10**11, 256), (10**11, 4096)):
        steps = [seconds_of_step(CLUSTER[name, s], m, s, name, ranks, THREADS) for name in PASSES]
        memory = BYTES_A_NEURON["boost"] * m / 1e9
        print(
            f"| 10^{round(math.log10(m))} | {ranks:,} | {number(memory)} GB, "
            f"{number(memory / ranks)} GB | " + " | ".join(f"{number(t)} s" for t in steps) + " |"
        )


def main() -> None:
    """All tables."""
    print_scaling("Strong scaling, m = 10^9", [(10**9, r) for r in (1, 4, 16, 64, 256, 1024)])
    print_scaling(
        "Weak scaling, 10^7 neurons a rank", [(10**7 * r, r) for r in (1, 4, 16, 64, 1024, 10_000)]
    )
    print_fewest()
    print_large(1000)


if __name__ == "__main__":
    main()
