"""Runs of many ranks: what needs no MPI in this process, and jobs of real ranks."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpi_jobs import LAUNCHER, launch, needs_mpi
from numpy.testing import assert_array_equal

import particleflow as pf
from particleflow.backend import Part, exchange, joined, share_of, trimmed
from particleflow.kernels import cpu
from particleflow.kernels.host import sums
from particleflow.model.initialisation import KINDS
from particleflow.ranks import mpi

HELPERS = Path(__file__).parents[1] / "helpers"
JOB = HELPERS / "ranks_job.py"


class Threads:
    """Ranks as threads of this process."""

    def __init__(self, rank, size, mail, barrier, shared):
        self.rank, self.size = rank, size
        self._mail, self._barrier, self._shared = mail, barrier, shared

    def send(self, array, to):
        self._mail[self.rank, to].put(array.copy())

    def receive(self, array, source):
        array[:] = self._mail[source, self.rank].get(timeout=10)

    def spread(self, array):
        if self.rank == 0:
            self._shared[:] = [array.copy()]
        self._barrier.wait(10)
        array[:] = self._shared[0]

    def add(self, array):
        self._mail[self.rank, 0].put(array.copy())
        if self.rank == 0:
            self._shared[:] = [sum(self._mail[k, 0].get(timeout=10) for k in range(self.size))]
        self._barrier.wait(10)
        array[:] = self._shared[0]


def on_threads(size, action):
    """``action(ranks)`` on as many threads."""
    mail = {(i, k): queue.SimpleQueue() for i in range(size) for k in range(size)}
    barrier, shared, problems = threading.Barrier(size), [], []

    def work(rank):
        try:
            action(Threads(rank, size, mail, barrier, shared))
        except BaseException as problem:
            problems.append(problem)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    assert all(box.empty() for box in mail.values())


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_sums_over_ranks_have_the_order_of_the_slots(data):
    """Any number of rows, split in any way: the bits of the tree of one process."""
    n = data.draw(st.integers(1, 70))
    inner = data.draw(st.sets(st.integers(1, n - 1), max_size=7)) if n > 1 else set()
    edges = np.array([0, *sorted(inner), n])
    rows = np.random.default_rng(n).normal(size=(n, 5)) * 10.0 ** np.arange(5)
    expected = rows.copy()
    sums.tree_sum(expected)
    found = {}

    def add(ranks):
        own = rows[edges[ranks.rank] : edges[ranks.rank + 1]].reshape(-1, 5, 1).copy()
        exchange.Exchange(ranks, edges, in_order=True)(own)
        found[ranks.rank] = own[0, :, 0]

    on_threads(edges.size - 1, add)
    for row in found.values():
        assert_array_equal(row, expected[0])


def test_sums_in_an_order_of_mpis_own():
    rows = np.random.default_rng(0).normal(size=(8, 3))
    edges = np.array([0, 3, 8])

    def add(ranks):
        own = rows[edges[ranks.rank] : edges[ranks.rank + 1]].copy()
        exchange.Exchange(ranks, edges, in_order=False)(own)
        np.testing.assert_allclose(own[0], rows.sum(axis=0), rtol=1e-13)

    on_threads(2, add)


@pytest.mark.slow
@given(st.integers(1, 10**9), st.integers(1, 2000), st.data())
@settings(max_examples=100, deadline=None)
def test_shares_are_all_neurons(m, s, data):
    """Consecutive, and even to a slot; rows of a subset belong to the rank that has the neuron."""
    n = cpu.slot_bounds(m, s).size - 1
    size = data.draw(st.integers(1, min(n, 300)))
    shares = [share_of(m, s, rank, size) for rank in {0, size // 2, size - 1}]
    for share in shares:
        assert 0 <= share.first < share.last <= m
        assert share.slots[0] == 0
        assert share.slots[-1] == share.last - share.first
        assert abs((share.last - share.first) - m / size) <= m / n + 1
    assert {0, m} <= {share.first for share in shares} | {share.last for share in shares}
    few = data.draw(st.integers(1, min(m, 10**7)))
    for share in shares:
        first, last = share.rows(few)
        for row in {first - 1, first, last - 1, last} & set(range(few)):
            assert (first <= row < last) == (share.first <= row * m // few < share.last)
    with pytest.raises(pf.DeviceError, match=f"split into {n} slots, expected at most so many"):
        share_of(m, s, 0, n + 1)


def test_slots_of_large_runs():
    """As before up to many millions, then as many as ranks need."""
    for m, s, n in ((10**7, 10, 64), (10**7, 1000, 32), (10**8, 10, 256), (10**9, 1000, 2048),
                    (10**11, 10, 2**18), (8191, 10, 1)):  # fmt: skip
        assert cpu.slot_bounds(m, s).size - 1 == n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("antisymmetric", [False, True])
def test_initial_neurons_in_parts(kind, antisymmetric):
    """Those of all to the bit, also in the middle of a pair of twins."""
    samples = pf.Samples.generate("sine", 5)
    options = {"seed": 3, "antisymmetric": antisymmetric, "samples": samples}
    neurons = pf.initialise(kind, 140_000, **options)
    drawn = pf.Initialisation(kind, 140_000, **options)
    assert (drawn.size, drawn.alpha) == (neurons.size, neurons.alpha)
    for first, last in ((0, 1), (65_535, 65_539), (3, 139_999), (0, 140_000)):
        part = drawn.part(first, last)
        for name in "abc":
            assert_array_equal(getattr(part, name), getattr(neurons, name)[first:last])
        alpha = 1.0 if kind == "pytorch" else 140_000
        assert part.alpha == neurons.part(first, last).alpha == alpha


def snapshot_of(first, last):
    """The arrays of a state whose neurons are known by their numbers."""
    slots = np.array([first, (first + last) // 2, last])
    sizes = np.diff(slots)
    ident = np.concatenate([np.random.default_rng(first).permutation(n) for n in sizes])
    number = ident + np.repeat(slots[:-1], sizes)
    arrays = {
        "variables": np.stack([number, -number, 2.0 * number]), "cell": number.astype(np.int32),
        "ident": ident.astype(np.int32), "start": slots[:-1, None] + np.arange(3),
        "crossings": slots[:-1], "residual": np.arange(3.0), "bounds": slots,
        "end_variables": np.stack([number] * 3) + 0.5, "homes": np.arange(first, last),
    }  # fmt: skip
    return arrays | {f"began_{name}": array for name, array in arrays.items()}


@pytest.mark.parametrize(("first", "last"), [(0, 40), (10, 20), (10, 40), (3, 27), (11, 12)])
def test_snapshots_of_other_shares(first, last):
    """Joined, and cut at slots or between them: each neuron keeps what is its own."""
    whole = joined([snapshot_of(0, 20), snapshot_of(20, 40)])
    assert_array_equal(whole["bounds"], [0, 10, 20, 30, 40])
    part = Part(whole["bounds"], first, last)
    arrays = trimmed({name: part.of(name, array) for name, array in whole.items()}, first, last)
    for prefix in ("", "began_"):
        bounds, ident = arrays[f"{prefix}bounds"], arrays[f"{prefix}ident"]
        assert (bounds[0], bounds[-1]) == (first, last)
        number = ident + np.repeat(bounds[:-1], np.diff(bounds))
        assert sorted(number) == list(range(first, last))
        assert_array_equal(arrays[f"{prefix}cell"], number)
        assert_array_equal(arrays[f"{prefix}variables"][2], 2.0 * number)
        assert_array_equal(arrays[f"{prefix}end_variables"][0], number + 0.5)
        assert arrays[f"{prefix}homes"].size == 0
        assert_array_equal(arrays[f"{prefix}residual"], [0.0, 1.0, 2.0])
        if first % 10 == last % 10 == 0:
            assert_array_equal(arrays[f"{prefix}crossings"], np.arange(first, last, 10))
    with pytest.raises(ValueError, match="holds the neurons 0 to 40, expected 30 to 41"):
        Part(whole["bounds"], 30, 41)


@pytest.mark.parametrize(
    ("affinities", "threads"),
    [
        ([[0, 1]], [2]),
        ([[0, 1], [0, 1]], [1, 1]),
        ([[0, 1, 2, 3]] * 3, [1, 1, 1]),
        ([[0, 1], [2, 3]], [2, 2]),
        ([[0, 1, 2, 3], [2, 3]], [3, 1]),
        ([[0]] * 5, [1] * 5),
    ],
)
def test_threads_of_the_ranks_of_a_machine(affinities, threads):
    found = [mpi._share_of_processors(affinities, k) for k in range(len(affinities))]
    assert found == threads


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=900, check=False,
        env=os.environ | environment,
    )  # fmt: skip


def test_without_a_launcher_there_is_one_rank_and_no_mpi():
    done = python(
        "import sys; from particleflow.ranks.world import ranks_of, ALONE\n"
        "print(ranks_of() is ALONE, ALONE.size, 'mpi4py' in sys.modules)"
    )
    assert done.stdout.split() == ["True", "1", "False"], done.stderr


def test_a_launcher_without_mpi4py_or_a_library():
    """One line that says what to install, not many runs that write one file."""
    code = "import sys; {}\nfrom particleflow.ranks.world import ranks_of\nranks_of()"
    blocked = code.format("sys.modules['mpi4py'] = None; sys.modules['mpi4py.MPI'] = None")
    done = python(blocked, PMI_RANK="0", PMI_SIZE="2")
    assert "mpi4py is not installed; pip install mpi4py" in done.stderr
    assert python(blocked, PMI_RANK="0", PMI_SIZE="1").returncode == 0
    code = (
        "import sys, types\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mpi4py.MPI':\n"
        "            raise RuntimeError('cannot load MPI library')\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from particleflow.ranks.world import ranks_of\nranks_of()"
    )
    done = python(code, PMI_RANK="0", PMI_SIZE="2")
    assert "mpi4py finds no library of MPI; load the module of your cluster's MPI" in done.stderr
    assert "(cannot load MPI library)" in done.stderr


# jobs of real ranks


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with the runs of one process, which compiles the kernels, too."""
    folder = tmp_path_factory.mktemp("of one process")
    code = f"import sys; sys.path.insert(0, {str(HELPERS)!r}); import ranks_job, pathlib\n"
    done = python(code + f"ranks_job.record(pathlib.Path({str(folder)!r}))")
    assert done.returncode == 0, done.stderr
    return folder


def names_of(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^(\w+) [0-9.]+ s$", done.stdout, re.MULTILINE)


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize("n", [2, 3])
def test_ranks_compute_what_one_process_does(n, recorded):
    checks = ["bits"] if n == 3 else ["sums_of_the_simulation", "allreduce"]
    assert names_of(launch(n, JOB, recorded, *checks)) == checks


@pytest.mark.slow
@needs_mpi
def test_all_that_four_ranks_check(recorded):
    import ranks_job

    assert names_of(launch(4, JOB, recorded)) == list(ranks_job.CHECKS)


@pytest.mark.slow
@needs_mpi
def test_a_device_for_each_rank(tmp_path):
    """In the simulator: the host exchanges what devices add up, in every integrator."""
    pytest.importorskip("numba_cuda", reason="needs the extra cuda13 or cuda12")
    done = launch(2, HELPERS / "ranks_on_devices.py", tmp_path, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(line.split(": ") for line in done.stdout.splitlines())
    assert found.keys() == {"boost", "gd", "gd, euclidean", "rk"}
    assert all(float(away) < 1e-6 for away in found.values()), found  # float32 positions


CONFIG = """
[samples]
kind = "sine"
count = 10
[neurons]
count = 20000
[flow]
t_end = 2.0
[output]
file = "a run.h5"
frames = 3
figure = "a figure.png"
"""


@pytest.mark.slow
@needs_mpi
def test_only_rank_0_talks(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    command = [LAUNCHER, "-n", "2", sys.executable, "-m", "particleflow"]

    def run(*arguments):
        return subprocess.run(
            [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    done = run("run", "config.toml")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert re.match(
        r"a run\.h5: 20000 neurons on 10 samples, tau = 2 in .* 3 frames, .* MB; picture a figure",
        done.stdout,
    )
    lines = [line for line in done.stderr.splitlines() if "compiling" not in line]
    notes, banner = ([line for line in lines if line.startswith("note: ") == is_note]
                     for is_note in (True, False))  # fmt: skip
    assert len(notes) == 1
    assert banner == [
        "running on 2 ranks on 1 machine, 1 thread each; sums of slots gathered in order, to the "
        "same bits for any number of ranks"
    ]
    assert (tmp_path / "a figure.png").stat().st_size > 10_000
    for arguments, code, text in (
        (["run", "config.toml"], 2, "exists already (--overwrite replaces it)"),
        (
            ["run", "config.toml", "--set", "neurons.count=1000", "-o", "b.h5", "--overwrite"],
            2,
            "expected at most so many ranks, found 2",
        ),
        (["rnu"], 2, "No such command"),
        (["run", "nowhere.toml"], 2, "nowhere.toml: no such file"),
    ):
        done = run(*arguments)
        assert done.returncode == code
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert text in done.stderr
        assert done.stdout == ""
    text = run("info", "a run.h5", "--json").stdout
    assert (json.loads(text)["parts"], json.loads(text)["ranks"]) == (2, 2)
    done = run("resume", "a run.h5", "--t-end", "2.5")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr
    alone = subprocess.run(
        [sys.executable, "-m", "particleflow", "resume", "a run.h5", "--t-end", "3"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "tau = 3 in" in alone.stdout
    with pf.open_trajectory(tmp_path / "a run.h5") as trajectory:
        assert trajectory.storage()["parts"] == 0
        assert trajectory.is_complete


FAILING = """
import os, signal, sys
import particleflow as pf
from particleflow.ranks import mpi

mpi.GRACE_SECONDS = 1.0
{begin}
sim = pf.Simulation(
    pf.Samples.generate("sine", 10), pf.Initialisation("reduced", 20_000), pf.GradientDescent(1e-4),
    comm=comm,
)
def fail(sim):
    if sim.ranks.rank == 1 and sim.step > 0:
        {inside}
    return 0.0
if sim.ranks.rank == 1:
    {outside}
sim.observables.add("fails", fail)
sim.writers.append(pf.TrajectoryWriter(sys.argv[1], frames=5))
sim.run(0.1)
print("has ended")
"""
WORLD = "from mpi4py import MPI; comm = MPI.COMM_WORLD"


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize(
    ("where", "action", "begin", "code", "text"),
    [
        ("inside", "raise ValueError('only here')", "comm = None", 3, "rank 1 on .*: only here"),
        ("outside", "1 / 0", "comm = None", 3, "ZeroDivisionError(.|\n)*rank 1 on .*: division"),
        ("outside", "1 / 0", WORLD, 3, "rank 1 on .*: division by zero"),
        ("inside", "os.kill(os.getpid(), signal.SIGKILL)", WORLD, 9, "Killed|KILLED|signal 9"),
        ("inside", "sys.exit(7)", "comm = None", 7, "rank 1 on .*: 7"),
        ("inside", "raise KeyboardInterrupt", "comm = None", 130, "rank 1 on .*: Keyboard"),
    ],
)
def test_one_rank_that_fails_ends_the_job(where, action, begin, code, text, tmp_path):
    """With its message, not after the others have waited for ever."""
    actions = {"inside": "pass", "outside": "pass", where: action}
    script = tmp_path / "script.py"
    script.write_text(FAILING.format(begin=begin, **actions))
    start = time.monotonic()
    done = launch(2, script, tmp_path / "run.h5", timeout=300)
    assert done.returncode == code, done.stderr
    assert time.monotonic() - start < 200.0
    assert re.search(text, done.stdout + done.stderr)
    assert "has ended" not in done.stdout


def written(path):
    """When a file was written, 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def wait_for_another(path, before, process):
    """Until the file is written again, or the process has ended."""
    deadline = time.monotonic() + 200.0
    while written(path) == before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@needs_mpi
def test_ranks_that_are_killed_and_resumed_by_others(tmp_path):
    """At any moments, again and again: the file is that of a run that nothing disturbed."""
    (tmp_path / "config.toml").write_text(CONFIG)
    settings = ["--set", "flow.integrator=gd", "--set", "flow.step=2e-4", "--quiet",
                "--set", "output.checkpoint_every=0.1", "--set", "output.figure="]  # fmt: skip

    (tmp_path / "whole").mkdir()

    def command_of(n, *arguments):
        launcher = [LAUNCHER, "-n", str(n)] if n else []
        return [*launcher, sys.executable, "-m", "particleflow", *arguments]

    def start(n, *arguments):
        return subprocess.Popen(
            command_of(n, *arguments), cwd=tmp_path, text=True, stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    whole = command_of(0, "run", str(tmp_path / "config.toml"), "-o", "killed.h5", *settings)
    subprocess.run(whole, cwd=tmp_path / "whole", check=True)
    process = start(3, "run", "config.toml", "-o", "killed.h5", *settings)
    saved, before = tmp_path / "killed.h5.ckpt", 0
    random, kills = np.random.default_rng(0), 0
    for n in (2, 4, 1, 3):
        wait_for_another(saved, before, process)
        time.sleep(0.2 * random.random())
        children = subprocess.run(
            ["pgrep", "-f", "particleflow.*killed.h5"], text=True, capture_output=True, check=False
        ).stdout.split()
        ranks = [int(pid) for pid in children if int(pid) != process.pid]
        if process.poll() is None and ranks:
            with suppress(ProcessLookupError):
                os.kill(random.choice(ranks), signal.SIGKILL)
                kills += 1
        _, problem = process.communicate(timeout=300)
        if process.returncode == 0:
            break
        before = written(saved)
        process = start(n, "resume", "killed.h5", "--quiet")
    else:
        _, problem = process.communicate(timeout=300)
    assert process.returncode == 0, problem
    assert kills > 0
    sys.path.insert(0, str(HELPERS))
    import ranks_job

    ranks_job.require_same(tmp_path / "whole" / "killed.h5", tmp_path / "killed.h5")


@pytest.mark.slow
@needs_mpi
def test_simulations_of_single_ranks_share_the_machine():
    code = (
        "from mpi4py import MPI; import os, particleflow as pf\n"
        "sim = pf.Simulation(pf.Samples.generate('sine', 10), pf.initialise('reduced', 100),\n"
        "                    comm=MPI.COMM_SELF)\n"
        "sim.run(0.1)\n"
        "print(sim.threads, sim.ranks.local_rank)"
    )
    n = len(os.sched_getaffinity(0))
    done = launch(n, "-c", code)
    assert sorted(done.stdout.split()) == sorted(["1"] * n + [str(k) for k in range(n)])


def test_a_launcher_of_another_kind_of_mpi():
    """Its processes would each take themselves for the only one."""
    pytest.importorskip("mpi4py")
    code = "from particleflow.ranks.world import ranks_of\nranks_of()"
    done = python(code, OMPI_COMM_WORLD_RANK="0", OMPI_COMM_WORLD_SIZE="2")
    assert done.returncode == 1
    assert "the launcher has started 2 processes, but mpi4py's library of MPI (" in done.stderr
    assert "sees 1: they are of different kinds of MPI" in done.stderr
