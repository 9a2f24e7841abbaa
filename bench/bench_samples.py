"""Reading samples, beside np.loadtxt, which is told the layout that we find out."""

import tracemalloc

import numpy as np
import pytest
from streams import median_seconds

import particleflow as pf


@pytest.mark.parametrize("form", ["plain", "decimal commas", "missing values", "dates"])
def test_reading_samples(benchmark, quick, tmp_path, form):
    """10^6 rows of two numbers; the memory is the largest that was in use, over the file's size."""
    n = 10**5 if quick else 10**6
    random, path = np.random.default_rng(0), tmp_path / "samples.csv"
    table = random.standard_normal((n, 2))
    if form == "dates":
        days = np.datetime64("1900-01-01") + np.arange(n) % 40_000
        rows = [f"{day},{value:.6g}" for day, value in zip(days, table[:, 1], strict=True)]
    else:
        rows = [f"{x:.6g},{y:.6g}" for x, y in table]
    if form == "decimal commas":
        rows = [row.replace(",", ";").replace(".", ",") for row in rows]
    if form == "missing values":
        rows[::1000] = [row.partition(",")[0] + ",NA" for row in rows[::1000]]
    path.write_text("\n".join(rows) + "\n")
    read = pf.Samples.from_file(path, missing="drop")
    assert read.rows.x.size == n - (len(rows[::1000]) if form == "missing values" else 0)
    benchmark.pedantic(pf.Samples.from_file, args=(path,), kwargs={"missing": "drop"}, rounds=3)
    tracemalloc.start()
    try:
        pf.Samples.from_file(path, missing="drop")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    benchmark.extra_info["memory_over_file"] = peak / path.stat().st_size
    if form == "plain":
        loadtxt = median_seconds(lambda: np.loadtxt(path, delimiter=","), 3)
        benchmark.extra_info["seconds_of_loadtxt"] = loadtxt
