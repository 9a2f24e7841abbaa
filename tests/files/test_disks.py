"""Disks that are full, read-only or lose a file: one line, and nothing acknowledged is lost."""

import os
import resource
import subprocess
import sys
import time

import h5py
import pytest

import particleflow as pf

CONFIG = """
samples.kind = "square_wave"
neurons.count = {m}
flow.t_end = 0.5
output.frames = {frames}
output.observables = ["loss"]
"""


def particleflow(*args, largest=None):
    """Run the command with a limit on the size of files; code and last line of stderr."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(
        [sys.executable, "-m", "particleflow", *map(str, args)], check=False, text=True,
        capture_output=True, preexec_fn=limit if largest else None,
    )  # fmt: skip
    return done.returncode, done.stderr.strip().splitlines()[-1:]


def config_in(folder, m, frames=2):
    path = folder / "run.toml"
    path.write_text(CONFIG.format(m=m, frames=frames))
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_complete(path):
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete
        assert traj.loss[-1] < traj.loss[0]
    with h5py.File(path) as file:
        assert file["parameters/progress"][0] == 2


def has_frames(path):
    try:
        with pf.open_trajectory(path) as traj:
            return traj.frames > 0
    except pf.TrajectoryError:
        return False


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Kernels are in the cache before files are limited."""
    folder = tmp_path_factory.mktemp("compiled")
    config = config_in(folder, 20_000)
    assert particleflow("run", config, "-o", folder / "run.h5")[0] == 0
    assert particleflow("resume", folder / "run.h5", "--t-end", 1.0)[0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_files_may_be_too_small_for_the_trajectory(tmp_path):
    config, file = config_in(tmp_path, 20_000), tmp_path / "run.h5"
    code, (line,) = particleflow("run", config, "-o", file, largest=100_000)
    assert code == 3
    assert line == f"particleflow: {file}: cannot be created: File too large"
    assert names_in(tmp_path) == ["run.toml"]


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_files_may_be_too_small_for_the_checkpoint(tmp_path):
    """The run is complete by then, and is kept."""
    config, file = config_in(tmp_path, 20_000), tmp_path / "run.h5"
    code, (line,) = particleflow("run", config, "-o", file, largest=1_000_000)
    assert code == 3
    assert line.startswith(f"particleflow: {file}.ckpt: cannot be created: ")
    assert names_in(tmp_path) == ["run.h5", "run.toml"]
    assert_complete(file)


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_an_extension_that_does_not_fit_leaves_the_file_as_it_was(tmp_path):
    config, file = config_in(tmp_path, 20_000), tmp_path / "run.h5"
    assert particleflow("run", config, "-o", file)[0] == 0
    before, saved = file.read_bytes(), names_in(tmp_path)
    code, (line,) = particleflow("resume", file, "--t-end", 5.0, largest=1_000_000)
    assert code == 3
    assert line.startswith(f"particleflow: {file}: cannot be created: ")
    assert file.read_bytes() == before
    assert names_in(tmp_path) == saved
    assert particleflow("resume", file, "--t-end", 1.0)[0] == 0
    with pf.open_trajectory(file) as traj:
        assert traj.time[-1] == 1.0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1.5 MB."""
    folder = tmp_path / "a small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no permission to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_a_small_disk(small_disk, tmp_path):
    """Too small for the trajectory, then for its checkpoint; then it can only be read."""
    file = small_disk / "run.h5"
    code, (line,) = particleflow("run", config_in(tmp_path, 50_000), "-o", file)
    assert code == 3
    assert line.endswith("lower output.frames or output.neurons")
    assert names_in(small_disk) == []
    config = config_in(tmp_path, 20_000)
    code, (line,) = particleflow("run", config, "-o", file)
    assert code == 3
    assert line.startswith(f"particleflow: {file}.ckpt: ")
    assert names_in(small_disk) == ["run.h5"]
    assert_complete(file)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, (line,) = particleflow("run", config, "-o", small_disk / "other.h5")
    assert code == 2
    assert line.endswith(f"no permission to write in the folder {small_disk}")
    code, (line,) = particleflow("resume", file, "--t-end", 1.0)
    assert code == 2
    assert line == f"particleflow: {file}: no permission to write it"
    assert particleflow("info", file)[0] == 0


def test_a_file_that_is_removed_under_the_run(tmp_path):
    config = config_in(tmp_path, 2000, frames=1000)
    child = subprocess.Popen(
        [sys.executable, "-m", "particleflow", "run", str(config), "-o", "run.h5", "--set",
         "flow.t_end=1e9"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not has_frames(tmp_path / "run.h5"):
        assert child.poll() is None
        time.sleep(0.01)
    os.unlink(tmp_path / "run.h5")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 3
    assert err.splitlines()[-1] == "particleflow: run.h5: was removed during the run"
