"""RESULTS.md: what was measured, in ratios, with what is worse than a peer or than a target."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cells import number, size, table
from exact_flow import boost, events, quiet, releases, weights, whole_runs
from records import Record, Records

Section = Callable[[Records], str]


def write_results(records: Records, figures: Sequence[Path]) -> str:
    """The whole of RESULTS.md."""
    by_stem = {path.stem: f"![{path.stem}](figures/{path.name})" for path in figures}
    parts = ["# Results of the benchmarks", machine(records)]
    for title, section, figure in SECTIONS:
        text = section(records)
        if text:
            parts += [f"## {title}", text, by_stem.get(figure, "")]
    return "\n\n".join(part for part in parts if part) + "\n"


def machine(records: Records) -> str:
    what = records.machine
    versions = ", ".join(f"{name} {version}" for name, version in what["versions"].items())
    commit = str(records.commit.get("id", "unknown"))[:10]
    changed = " with changes" if records.commit.get("dirty") else ""
    command = "pytest --benchmark" + (" --quick" if what["quick"] else "")
    return f"""\
Made by `python bench/report FILE.json` from `{command} --benchmark-json=FILE.json`
on {records.datetime[:10]} at commit {commit}{changed}.

{what["processor"]}, {what["cores"]} cores, {what["memory_GiB"]} GiB, {what["system"]};
{what["threads"]} threads; {versions}. All in float64.

Times are compared within one process only: with memory streams (reading and writing as many
bytes by a loop that does nothing else, on all threads), and with other programs on the same
problem. `bench/NOTES.md` tells what was expected, and what was tried."""


def targets(records: Records) -> str:
    """What the project set out to reach, and whether this run did."""
    rows = []

    def add(what: str, target: str, value: float | None, holds: bool, unit: str = "") -> None:
        if value is not None:
            rows.append((what, target, number(value) + unit, "yes" if holds else "**no**"))

    shares = {r["s"]: r for r in records("push", m=10**7)}
    for s in (10, 100, 1000):
        share = shares.get(s, {}).get("share_of_stream")
        add(f"step of `gd` with its moments, m = 10^7, s = {s:,}: share of the in-place stream",
            "0.80", share, (share or 0) >= 0.8)  # fmt: skip
    for s, most in ((1000, 1.3), (10**4, 2.0)):
        if {10, s} <= shares.keys():
            ratio = shares[s]["ns_a_neuron_a_step"] / shares[10]["ns_a_neuron_a_step"]
            add(f"the same: cost at s = {s:,} over s = 10", f"{most}", ratio, ratio <= most)
    for record in records("advance", m=10**7):
        if record["crossings_a_neuron_a_step"] > 1e-3 and record["s"] in (10, 100, 1000):
            share = record["share_of_stream"]
            add(f"pass of `boost`, m = 10^7, s = {record['s']:,}, 1 % meet a sample: "
                "share of the out-of-place stream", "0.60", share, share >= 0.6)  # fmt: skip
    for library, factor in (("dense Numba loop", 40), ("PyTorch", 300), ("JAX", 300)):
        for record in records("step_beside", library=library, m=10**5, s=1000):
            for kind, key in (("while knots travel", "times_faster"),
                              ("while they do not", "times_faster_without_crossings")):  # fmt: skip
                add(f"step of `gd`, m = 10^5, s = 1,000, {kind}: "
                    f"faster than the best of its kind, {record['best_peer']}",
                    f"{factor} times", record[key], record[key] >= factor, " times")  # fmt: skip
    slowest = min(
        (r["times_faster"] for r in records("step_beside", library="dense Numba loop")
         if r["s"] >= 4), default=None,
    )  # fmt: skip
    add("step of `gd`, any size, s >= 4: faster than the dense Numba loop, at least", "1 times",
        slowest, (slowest or 0) >= 1.0, " times")  # fmt: skip
    for record in records("small_step"):
        micro = record["microseconds_a_step"]
        add(f"step of `{record['integrator']}`, m = 1,000, s = 10",
            f"{record['target']:g} us", micro, micro <= record["target"], " us")  # fmt: skip
    return table(("", "target", "measured", "reached"), rows)


def kernels(records: Records) -> str:
    """Each kernel against its stream."""
    rows = []
    for name, label in (("push", "`gd` step"), ("advance", "`boost` pass"), ("moments", None),
                        ("velocity", "velocity")):  # fmt: skip
        for r in records(name):
            if r["m"] < 10**5:
                continue  # a stream over so few neurons measures the start of threads
            crossings = r.get("crossings_a_neuron_a_step", 0.0)
            rows.append((
                label or r["kernel"].replace("_", " "), size(r["m"]), size(r["s"]),
                number(crossings), r["stream"], f"{r['bytes_a_neuron']}",
                f"{r['ns_a_neuron_a_step']:.2f}", f"{r['share_of_stream']:.2f}",
            ))  # fmt: skip
    made = table(("kernel", "m", "s", "crossings a neuron", "stream", "bytes a neuron",
                  "ns a neuron", "share of the stream"), rows)  # fmt: skip
    if not made:
        return ""
    text = (
        "Neurons are spread over all sectors and none is dead. A share above 1 is possible: the\n"
        "kernels tell the processor what to fetch, the bare streams do not.\n\n" + made
    )
    for r in records("the_stream_is_no_straw_man"):
        text += (
            f"\n\nThe in-place stream itself: NumPy's multiplication in place takes "
            f"{r['numpy_in_place_over_stream']:.2f} of its time\n"
            f"on the same bytes, `np.copyto` {r['numpy_copy_over_stream']:.2f}."
        )
    fields = [f"{number(r['ns_a_sample'])} at s = {size(r['s'])}" for r in records("field")]
    if fields:
        text += f"\n\nThe field of all sectors, ns a sample: {', '.join(fields)}."
    return text


def training(records: Records) -> str:
    """Steps of gradient descent in phases of training."""
    rows = [
        (r["phase"], size(r["m"]), size(r["s"]), number(r["crossings_a_neuron_a_step"]),
         f"{r['ns_a_neuron_a_step']:.2f}", f"{r['share_of_stream']:.2f}")
        for r in records("push_in_training")
    ]  # fmt: skip
    made = table(("phase", "m", "s", "crossings a neuron a step", "ns a neuron",
                  "share of the in-place stream"), rows)  # fmt: skip
    return made and (
        "Early, knots travel over samples; later, those that samples attract chatter on them, a\n"
        "crossing in every other step. Steps are near the longest stable ones.\n\n" + made
    )


def runs(records: Records) -> str:
    """Whole runs over m and s."""
    rows = [
        (f"`{r['integrator']}`", size(r["m"]), size(r["s"]), number(r["tau"]), f"{r['steps']:,}",
         f"{r['rejected']:,}", number(r["crossings_a_neuron_a_step"]),
         number(r["ns_a_neuron_a_step"], 3))
        for name in ("descent", "boost")
        for r in records(name)
    ]  # fmt: skip
    return table(("integrator", "m", "s", "until tau", "steps", "rejected",
                  "crossings a neuron a step", "ns a neuron a step"), rows)  # fmt: skip


def threads(records: Records) -> str:
    """Speed by threads."""
    found = records("threads")
    counts = sorted({int(n) for r in found for n in r["seconds_by_threads"]})
    rows = [
        (f"`{r['integrator']}`", size(r["m"]), size(r["s"]),
         *(f"{r['seconds_by_threads']['1'] / r['seconds_by_threads'][str(n)]:.2f}"
           for n in counts))
        for r in found
    ]  # fmt: skip
    return table(("integrator", "m", "s", *(f"{n} threads" if n > 1 else "1 thread"
                                            for n in counts)), rows)  # fmt: skip


def peers(records: Records) -> str:
    """A step beside other programs."""
    parts = []
    for library in dict.fromkeys(r["library"] for r in records("step_beside")):
        found = records("step_beside", library=library)
        names = list(found[0]["peers"])
        rows = []
        for r in found:
            times = [f"{number(r['peers'][name] / r['ours'])}" for name in names]
            quiet = r["peers"][r["best_peer"]] / r["ours_without_crossings"]
            rows.append((size(r["m"]), size(r["s"]), number(r["crossings_a_neuron_a_step"]),
                         *times, number(quiet)))  # fmt: skip
        parts.append(table(("m", "s", "crossings a neuron a step", *names,
                            "best of them, without crossings"), rows))  # fmt: skip
    return parts and (
        "How many times longer than ours a step of gradient descent takes, in the first steps of\n"
        "training at dtau = 0.001 / s, where knots cross samples, and at last where none does.\n"
        "Every program arrives at the same residuals to 1e-10 before it is timed.\n"
        "*PyTorch: our sectors* is our own algorithm written in PyTorch.\n\n" + "\n\n".join(parts)
    )


def solutions(records: Records) -> dict[tuple[int, int, float], dict[str, dict[str, Record]]]:
    """By (m, s, tau) and method: the cheapest run for each error."""
    out: dict[tuple[int, int, float], dict[str, dict[str, Record]]] = {}
    for name in ("solution", "solution_of_others", "solution_of_scipy"):
        for r in records(name):
            methods = r.get("by_formulation") or {r["method"]: r["to_error"]}
            out.setdefault((r["m"], r["s"], r["tau"]), {}).update(methods)
    return out


def to_solution(records: Records) -> str:
    """Time to an error of the residuals."""
    parts = []
    for (m, s, tau), methods in solutions(records).items():
        ours = methods.get("boost", {})
        errors = list(next(iter(methods.values())))
        rows = []
        for method, by_error in methods.items():
            cells = []
            for error in errors:
                one, base = by_error.get(error), ours.get(error)
                if not one:
                    cells.append("not reached")
                    continue
                ratio = number(one["seconds"] / base["seconds"]) if base else "?"
                steps = f", {one['steps']:,} steps" if one["steps"] else ""
                cells.append(f"{ratio} ({number(one['setting'])}{steps})")
            rows.append((f"`{method}`" if method in ("boost", "rk", "gd") else method, *cells))
        parts.append(f"m = {size(m)}, s = {s}, tau = {tau:g}:\n\n"
                     + table(("", *(f"error {e}" for e in errors)), rows))  # fmt: skip
    return parts and (
        "The least time in which each method gets the residuals at a fixed tau right to an error\n"
        "(root mean square over the samples, against `boost` at tolerance 1e-7), as a multiple of\n"
        "that of `boost`; in brackets the tolerance or dtau = 2^-k with which it does, searched\n"
        "for by the benchmark. Others that take steps of gradient descent need as many of them as\n"
        "`gd`, at their own time a step. *Not reached*: not by any setting whose run takes less\n"
        "than ten seconds.\n\n" + "\n\n".join(parts)
    )


def worse(records: Records) -> str:
    """Where something else is faster than what a user gets by default, or than all of ours."""
    lines = []
    for r in records("step_beside"):
        for name, seconds in r["peers"].items():
            if seconds < r["ours"]:
                lines.append(f"- {name}, m = {size(r['m'])}, s = {size(r['s'])}: a step takes "
                             f"{number(seconds / r['ours'])} of the time of ours")  # fmt: skip
    for (m, s, tau), methods in solutions(records).items():
        for method, by_error in methods.items():
            for error, one in by_error.items():
                ours = methods.get("boost", {}).get(error)
                if method != "boost" and one and (not ours or one["seconds"] < ours["seconds"]):
                    ratio = f"{number(one['seconds'] / ours['seconds'])} of" if ours else "but not"
                    lines.append(
                        f"- {method}, m = {size(m)}, s = {s}, tau = {tau:g}, error {error}: "
                        f"gets there in {ratio} the time of `boost`"
                    )
    if not records("step_beside") and not solutions(records):
        return ""
    return "\n".join(lines) or "Nothing in this run."


def order(records: Records) -> str:
    """What sector order gains."""
    rows = [
        (size(r["m"]), size(r["s"]), f"{r['tau']:g}", number(r["crossings_a_neuron_a_step"]),
         f"{r['gain_of_order']:.2f}", f"{r['plain_over_default']:.2f}")
        for r in records("sector_order")
    ]  # fmt: skip
    made = table(("m", "s", "until tau", "crossings a neuron a step", "always sorted",
                  "by default"), rows)  # fmt: skip
    return made and (
        "Time of a whole step of `boost` with neurons in plain order over that with neurons in\n"
        "sector order, and over that in the order which is the default there.\n\n" + made
    )


def program(records: Records) -> str:
    """Start-up, compiling, memory, writing."""
    lines = []
    for r in records("help"):
        lines.append(f"- `particleflow --help`: {number(r['seconds'])} s, "
                     f"{number(r['over_python'])} times a bare Python")  # fmt: skip
    for r in records("start"):
        lines.append(
            f"- a small run with compiled kernels, start to end: {number(r['seconds'])} s, "
            f"{number(r['over_imports'])} times the imports of numba, numpy, h5py and scipy.linalg"
        )
    for r in records("compiling"):
        lines.append(f"- the first run with `{r['integrator']}`, which compiles: "
                     f"{number(r['seconds'])} s")  # fmt: skip
    for r in records("memory"):
        lines.append(
            f"- peak memory of a run of `{r['integrator']}` with a writer, m = {size(r['m'])}: "
            f"{number(r['peak_bytes_a_neuron'], 3)} bytes a neuron"
        )
    for r in records("writer"):
        lines.append(f"- writing {r['frames']} frames of m = {size(r['m'])}: "
                     f"{number(r['over_plain_h5py'])} times what h5py takes to write as many bytes "
                     "of zeros")  # fmt: skip
    return "\n".join(lines)


SECTIONS: Sequence[tuple[str, Section, str]] = (
    ("Targets", targets, ""),
    ("Where another is faster", worse, ""),
    ("Time to solution", to_solution, "solution"),
    ("A step beside other programs", peers, "peers"),
    ("Kernels and memory streams", kernels, "share"),
    ("Gradient descent in training", training, ""),
    ("Whole runs", runs, "scaling"),
    ("Threads", threads, "threads"),
    ("Sector order", order, ""),
    ("`boost`", boost, ""),
    ("Runs of `boost` beside another build", whole_runs, ""),
    ("Releases", releases, ""),
    ("Quiet starts", quiet, ""),
    ("Weighted neurons", weights, ""),
    ("Events in a pass of `boost`", events, ""),
    ("The program", program, ""),
)
