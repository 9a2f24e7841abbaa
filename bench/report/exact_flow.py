"""The sections of RESULTS.md on the exact flow: its steps, and what neurons meet in them."""

import statistics

from cells import number, size, table
from records import Records


def boost(records: Records) -> str:
    """Steps, order, agreement and drift of the exact flow."""
    parts = []
    found = records("steps")
    if found:
        tolerances = list(found[0]["by_tolerance"])
        rows = [
            (str(r["s"]), f"{r['delta']:g}",
             *(f"{one['steps']} + {one['rejected']}, {number(one['error'])}"
               for one in r["by_tolerance"].values()),
             f"{r['descent_steps']:,}, {number(r['descent_error'])}" if "descent_steps" in r
             else "-")
            for r in found
        ]  # fmt: skip
        parts.append(
            "Square wave, m = 1,000, tau = 20: accepted and rejected steps, and the error of the\n"
            "residuals, by tolerance; beside it the longest steps of gradient descent with an\n"
            "error below 1e-3.\n\n" + table(("s", "delta", *tolerances, "`gd`"), rows)
        )
    rows = [
        (r["case"], tolerance, number(one["passes"], 3), number(one["median_error"]),
         number(one["largest_error"]))
        for r in records("passes") for tolerance, one in r["passes_by_tolerance"].items()
    ]  # fmt: skip
    if rows:
        parts.append(
            f"Passes over the neurons, m = {size(records('passes')[0]['m'])}, and the largest "
            "error of the\nresiduals at eight times over the tolerance, median and largest of some "
            "seeds:\n\n"
            + table(("run", "tolerance", "passes", "median error", "largest"), rows)
        )  # fmt: skip
    rows = [
        (size(p["s"]), f"{p['tau']:g}", f"{p['steps']} + {p['rejected']}",
         number(p["crossings_a_neuron_a_step"]), number(p["median_ns_a_neuron_a_step"], 3),
         number(p["mean_ns_a_neuron_a_step"], 3), number(p["mean_ns_a_neuron_a_trial"], 3))
        for r in records("many_samples") for p in r["phases"]
    ]  # fmt: skip
    if rows:
        parts.append(
            f"Few and many samples, m = {size(records('many_samples')[0]['m'])}, gaussian "
            "initialisation, tolerance 1e-3: accepted and rejected steps, and the ns a neuron of\n"
            "an accepted one, median and mean, and of any.\n\n"
            + table(("s", "from the last to tau", "steps", "crossings a neuron a step", "median",
                     "mean", "mean of all"), rows)
        )  # fmt: skip
    residual = [f"{number(r['microseconds'])} at s = {size(r['s'])}"
                for r in records("mean_residual")]  # fmt: skip
    if residual:
        parts.append(f"The mean residual of a step, microseconds: {', '.join(residual)}.")
    for r in records("order"):
        rows = [
            (delta, f"{statistics.median(one['slopes']):.2f}",
             f"{min(one['slopes']):.2f} to {max(one['slopes']):.2f}",
             number(one["error_at_the_smallest_step"]),
             f"{min(one['neurons_elsewhere'])} to {max(one['neurons_elsewhere'])}")
            for delta, one in r["by_delta"].items()
        ]  # fmt: skip
        parts.append(
            f"Order, m = {size(r['m'])}, s = 10, tau = 1, five halvings of a fixed step, 8 seeds:"
            "\n\n" + table(("delta", "median slope", "slopes", "error at the smallest step",
                     "neurons that went another way"), rows)
        )  # fmt: skip
    for r in records("agreement_as_neurons_grow"):
        rows = [(size(int(m)), number(one["boost_from_descent"]),
                 number(one["descent_from_descent"]))
                for m, one in r["by_neurons"].items()]  # fmt: skip
        parts.append(
            "Distance of the residuals from gradient descent at dtau = 2^-13, s = 20, tau = 20,\n"
            "delta = -1:\n\n" + table(("m", "`boost`", "`gd` at 2^-12"), rows)
        )
    for r in records("drift"):
        worst = max(r["drift"].values())
        parts.append(f"Drift of delta over {r['steps']:,} steps: at most {number(worst)} "
                     "of a^2 + b^2 + c^2.")  # fmt: skip
    return "\n\n".join(parts)


def whole_runs(records: Records) -> str:
    """Whole runs, one thread, beside those of another build."""
    rows = []
    for r in records("whole_runs"):
        now, before = r["builds"]["now"], r["builds"].get("before")
        rows.append(
            (r["case"], size(r["m"]), f"{now['steps']} + {now['rejected']}",
             number(now["seconds"]), number(100.0 * now["share_of_rejections"]),
             f"{before['steps']} + {before['rejected']}" if before else "-",
             number(100.0 * before["share_of_rejections"]) if before else "-",
             number(statistics.median(r["ratios"])) if before else "-",
             f"{number(min(r['ratios']))} to {number(max(r['ratios']))}" if before else "-")
        )  # fmt: skip
    made = table(("run", "m", "steps", "s", "% in rejected", "before: steps", "% in rejected",
                  "before / now", "of pairs"), rows)  # fmt: skip
    return made and (
        "Whole runs on one thread in processor time, accepted and rejected steps, and in turns\n"
        "with them those of the build in `BEFORE`: the ratio of the times, median and range of\n"
        "pairs.\n\n" + made
    )


def releases(records: Records) -> str:
    """Errors of runs in which much depends on when samples let neurons go."""
    rows = [
        (f"{r['tolerance']:g}", f"{r['steps']:,} + {r['rejected']:,}", str(r["elsewhere"]),
         *(number(error) for error in r["quantiles"].values()))
        for r in records("releases")
    ]  # fmt: skip
    made = table(("tolerance", "steps", "elsewhere", "median", "90 %", "99 %", "largest"), rows)
    return made and (
        f"{records('releases')[0]['problems']} random problems of few samples far apart: steps of "
        "all, runs in which a neuron ends\nelsewhere, and of the other runs the error at the end "
        "over the tolerance.\n\n" + made
    )


def weights(records: Records) -> str:
    """What weights of neurons cost a step."""
    rows = [
        (r["name"], *(number(ns) for ns in r["ns_a_neuron"]), number(r["ratio"]))
        for r in records("weights")
    ]
    made = table(("", "ns a neuron and trial", "with weights", "median ratio"), rows)
    return made and (
        f"Steps of m = {size(records('weights')[0]['m'])} neurons, accepted or not, in turns.\n\n"
        + made
    )


def quiet(records: Records) -> str:
    """Quiet starts beside independent neurons."""
    rows = [
        (r["kind"], *(number(ratio) for ratio in r["ratios"].values()),
         *(f"{r['slopes'][name]:.2f}" if r["slopes"] else "-" for name in ("random", "quiet")))
        for r in records("quiet")
    ]  # fmt: skip
    if not rows:
        return ""
    counts = [f"m = {size(int(m))}" for m in records("quiet")[0]["ratios"]]
    parts = [
        "Error of f with independent neurons over that with a quiet start, medians of seeds, and "
        "the slopes\nof both errors over m.\n\n"
        + table(("start", *counts, "slope, independent", "quiet"), rows)
    ]
    parts += [
        f"For an error of {number(r['wanted'])}, delta = -1: {size(r['quiet'])} quiet neurons or "
        f"{size(r['random'])}\nindependent ones, which take "
        f"{number(r['seconds_random'] / r['seconds_quiet'])} times as long."
        for r in records("time_to_error")
    ]
    parts += [
        f"Drawing a quiet start, {r['kind']}, m = {size(r['m'])}: "
        f"{number(r['quiet_over_random'])} of the time of a random one."
        for r in records("drawing")
    ]
    return "\n\n".join(parts)


def events(records: Records) -> str:
    """What becomes of the neurons in a pass, and what each kind costs."""
    rows = [
        (r["case"], f"{moment['tau']:g}", name, number(percent), number(ns))
        for r in records("events") for moment in r["moments"]
        for name, (percent, ns) in moment["percent_and_ns"].items()
    ]  # fmt: skip
    made = table(("run", "tau", "kind", "% of the neurons", "ns a neuron of one core"), rows)
    return made and (
        "What becomes of the neurons in a pass of a run at tolerance 1e-3, and what a pass takes\n"
        "in which all neurons are of one kind.\n\n" + made
    )
