"""``pytest --benchmark``: its options, what a benchmark records, and the report made from it."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALONE = {name: value for name, value in os.environ.items() if "XDIST" not in name}
"""The environment of a pytest that is no worker of this one."""


@pytest.mark.slow
@pytest.mark.parametrize(("args", "message"), [
    (["--benchmark", "tests/model/test_samples.py"], "--benchmark runs bench/ only, found tests/"),
    (["--quick"], "--quick goes with --benchmark"),
    (["--most-neurons", "10"], "--most-neurons goes with --benchmark"),
    (["--benchmark", "--most-neurons", "1e2.5"], "expected a whole number above 0, found '1e2.5'"),
    (["--benchmark", "--most-neurons", "0"], "expected a whole number above 0, found '0'"),
    (["--benchmark", "--large"], "unrecognized arguments: --large"),
])  # fmt: skip
def test_the_benchmark_option_refuses(args, message):
    done = subprocess.run([sys.executable, "-m", "pytest", *args], cwd=ROOT, env=ALONE, text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 4
    assert message in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("args", "folder"), [
    ([], "tests/"), (["--benchmark"], "bench/"), (["--benchmark", "bench"], "bench/"),
])  # fmt: skip
def test_the_benchmark_option_selects(args, folder):
    few = ("--ignore-glob=*/test_[!d]*", "--ignore-glob=*/bench_[!k]*")  # importing all takes long
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *few, *args],
        cwd=ROOT, env=ALONE, text=True, capture_output=True, check=True,
    )  # fmt: skip
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(collected) > 3
    assert all(line.startswith(folder) for line in collected)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The JSON of a few benchmarks, run as a user would, from another folder."""
    file = tmp_path_factory.mktemp("results") / "a file.json"
    chosen = [
        "bench_kernels.py::test_push[100000-10]",
        "bench_kernels.py::test_field",
        "bench_runs.py::test_small_step",
        "bench_peers.py::test_step_beside[dense Numba loop-1000-4]",
        "bench_boost.py::test_passes[square wave, delta -1]",
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--rootdir",
            str(ROOT),
            "-c",
            str(ROOT / "setup.cfg"),
            "--benchmark",
            "--quick",
            f"--benchmark-json={file}",
            *(str(ROOT / "bench" / one) for one in chosen),
        ],
        cwd=file.parent,
        env=ALONE,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return file


def report(*args, cwd):
    return subprocess.run(
        [sys.executable, str(ROOT / "bench" / "report"), *map(str, args)],
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
    )


def rows(text):
    """The cells of all rows of all tables."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def only(content, name):
    """``extra_info`` of the one benchmark whose name starts so."""
    (found,) = [b for b in content["benchmarks"] if b["name"].startswith(name)]
    return found["extra_info"]


@pytest.mark.slow
def test_what_a_benchmark_records(results):
    content = json.loads(results.read_text())
    assert len(content["benchmarks"]) == 8
    for benchmark in content["benchmarks"]:
        info = benchmark["extra_info"]
        assert info["quick"] is True
        assert info["threads"] >= 1
        assert info["processor"]
        assert {"numba", "numpy", "particleflow"} <= info["versions"].keys()
    push = only(content, "test_push")
    assert (push["m"], push["s"], push["bytes_a_neuron"]) == (10**5, 10, 48)
    assert push["share_of_stream"] == pytest.approx(
        push["stream_ns_a_neuron"] / push["ns_a_neuron_a_step"]
    )
    assert push["crossings_a_neuron_a_step"] < 1e-3
    for one in only(content, "test_passes")["passes_by_tolerance"].values():
        trials = one["steps"] + one["rejected"]
        assert trials < one["passes"] < 2 * trials
        assert 0.0 < one["median_error"] <= one["largest_error"]


@pytest.mark.slow
def test_the_report_says_what_was_measured(results, tmp_path):
    done = report(results, "-o", tmp_path / "out put", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(results.read_text())
    push, peer = only(content, "test_push"), only(content, "test_step_beside")
    text = (tmp_path / "out put" / "RESULTS.md").read_text()
    assert push["processor"] in text
    assert "pytest --benchmark --quick" in text
    table = rows(text)
    assert ["`gd` step", "10^5", "10"] in [row[:3] for row in table]
    (kernel,) = [row for row in table if row[0] == "`gd` step"]
    assert kernel[-2:] == [f"{push['ns_a_neuron_a_step']:.2f}", f"{push['share_of_stream']:.2f}"]
    small = [row for row in table if row[0].endswith("m = 1,000, s = 10")]
    assert [row[1] for row in small] == ["10 us", "150 us"]
    for row, name in zip(small, ("gd", "boost"), strict=True):
        took = only(content, f"test_small_step[{name}")["microseconds_a_step"]
        assert float(row[2].removesuffix(" us")) == pytest.approx(took, rel=0.06)
        assert row[3] == ("yes" if took <= float(row[1].removesuffix(" us")) else "**no**")
    (beside,) = [row for row in table if row[:2] == ["1,000", "4"]]
    assert float(beside[3]) == pytest.approx(
        peer["peers"]["dense Numba loop"] / peer["ours"], rel=0.06
    )
    passes = only(content, "test_passes")["passes_by_tolerance"]
    shown = {row[1]: float(row[2].replace(",", "")) for row in table if len(row) == 5 and
             row[0] == "square wave, delta -1"}  # fmt: skip
    assert shown == {tolerance: pytest.approx(one["passes"], rel=0.01)
                     for tolerance, one in passes.items()}  # fmt: skip
    pictures = {path.name for path in (tmp_path / "out put" / "figures").iterdir()}
    assert pictures == {"share.png", "peers.png"}
    for name in pictures:
        assert f"(figures/{name})" in text
        assert (tmp_path / "out put" / "figures" / name).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_of_several_files_the_later_counts(results, tmp_path):
    content = json.loads(results.read_text())
    push = next(b for b in content["benchmarks"] if b["name"].startswith("test_push"))
    push["extra_info"]["share_of_stream"] = 0.123
    later, other = tmp_path / "later.json", tmp_path / "other.json"
    later.write_text(json.dumps({"benchmarks": [push]}))
    assert report(results, later, "-o", tmp_path, cwd=tmp_path).returncode == 0
    (kernel,) = [
        row for row in rows((tmp_path / "RESULTS.md").read_text()) if row[0] == "`gd` step"
    ]
    assert kernel[-1] == "0.12"
    push["extra_info"]["threads"] += 1
    other.write_text(json.dumps({"benchmarks": [push]}))
    done = report(results, other, "-o", tmp_path, cwd=tmp_path)
    assert (done.returncode, "is from another machine" in done.stderr) == (2, True)


@pytest.mark.slow
def test_the_report_shows_where_others_are_faster(results, tmp_path):
    content = json.loads(results.read_text())
    slow = copy.deepcopy(content)
    info = only(slow, "test_step_beside")
    info["peers"] = {"dense Numba loop": 0.25 * info["ours"]}
    info["times_faster"] = 0.25
    only(slow, "test_small_step[gd")["microseconds_a_step"] = 12.0
    file = tmp_path / "slow.json"
    file.write_text(json.dumps(slow))
    assert report(file, "-o", tmp_path, cwd=tmp_path).returncode == 0
    text = (tmp_path / "RESULTS.md").read_text()
    assert "- dense Numba loop, m = 1,000, s = 4: a step takes 0.25 of the time of ours" in text
    missed = [row for row in rows(text) if row[-1] == "**no**"]
    assert ["step of `gd`, m = 1,000, s = 10", "10 us", "12 us", "**no**"] in missed
    assert ["1 times", "0.25 times", "**no**"] in [row[1:] for row in missed]


@pytest.mark.slow
@pytest.mark.parametrize(("content", "message"), [
    (None, "no such file; pytest --benchmark writes it with --benchmark-json="),
    ("{", "is not JSON"),
    ("[]", "holds no benchmarks"),
    ('{"benchmarks": []}', "holds no benchmarks"),
    ('{"benchmarks": [{"fullname": "b.py::test_b", "extra_info": {}, "stats": {}}]}',
     "holds a benchmark that is not one of bench/"),
    ('{"benchmarks": [7]}', "holds a benchmark that is not one of bench/"),
])  # fmt: skip
def test_the_report_refuses(tmp_path, content, message):
    file = tmp_path / "some file.json"
    if content is not None:
        file.write_text(content)
    done = report(file, "-o", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"report: error: {file}: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_missing_peer_is_skipped_with_its_install_line(tmp_path):
    """The package is hidden, whether installed or not."""
    code = (
        "import sys; sys.modules['jax'] = None; import pytest; sys.exit(pytest.main(["
        "'--benchmark', '--quick', '-rs', '-p', 'no:cacheprovider',"
        f"{str(ROOT / 'bench' / 'bench_peers.py')!r} + '::test_step_beside[JAX-1000-4]']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=ALONE,
        text=True,
        capture_output=True,
        check=False,
    )
    assert "jax is missing: pip install -e '.[peers]'" in done.stdout
    assert "1 skipped" in done.stdout
