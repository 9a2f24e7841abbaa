"""Facts by name about any file that belongs to a run or to a sweep."""

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from particleflow import config
from particleflow.arguments import existing_file
from particleflow.errors import SamplesError, TrajectoryError
from particleflow.files.kinds import NEURONS_TABLE, OBSERVABLES_TABLE, kind_of
from particleflow.files.tabular import opened
from particleflow.jobs.epochs import epochs_of_config
from particleflow.limits.assess import open_limit
from particleflow.model.measure import effective_number
from particleflow.model.samples import Samples
from particleflow.sweeps.table import DONE, FAILED, open_sweep
from particleflow.trajectory import open_trajectory

from .other_files import (
    facts_of_checkpoint,
    facts_of_netcdf,
    facts_of_part,
    facts_of_vtkhdf,
    facts_of_xyz,
)

if TYPE_CHECKING:
    from particleflow.arguments import Array
    from particleflow.limits.assess import Limit
    from particleflow.sweeps.table import Sweep
    from particleflow.trajectory import Trajectory

_LONGEST = 10_000  # of a line with names
ISOLATED_SECONDS = 60
"""Time that reading a file in a process of its own may take."""


def facts_of(path: Path) -> dict[str, Any]:
    """Facts about a file of a run or of a sweep by name, in the order in which to show them.

    Raises
    ------
    TrajectoryError, ConfigError
        The file is of no known kind, or damaged.
    """
    file = existing_file(path, TrajectoryError)
    other = _of_hdf5 if _is_hdf5(file) else _of_text
    kind, facts = _KINDS.get(file.suffix.lower(), other)(file)
    return {"file": str(path), "kind": kind, **facts}


def _is_hdf5(file: Path) -> bool:
    """Whether a file of unknown ending is to be opened by HDF5: not if it is some other file."""
    endings = (".h5", ".hdf5", ".nc", ".ckpt", ".1")
    return h5py.is_hdf5(file) or file.suffix.lower() in endings


def _of_hdf5(path: Path) -> tuple[str, dict[str, Any]]:
    kind = kind_of(path)
    if kind in _OF_HDF5:
        return kind, _OF_HDF5[kind](path)
    if kind == "netCDF":
        facts = facts_of_netcdf(path)
        is_ours = str(facts["source"]).startswith("particleflow")
        return (kind, facts) if is_ours else _of_samples_or(path, kind, facts)
    if not kind:
        kind, facts = _of_samples_or(path, "", {})
        if kind:
            return kind, facts
    with open_trajectory(path) as opened:  # refuses a file that is no trajectory either
        return "trajectory", _of_trajectory(opened)


def _of_trajectory(opened: "Trajectory") -> dict[str, Any]:
    times = opened.time
    facts: dict[str, Any] = {
        "schema": opened.schema_version,
        "ranks": opened.ranks,
        "neurons": opened.size,
        "recorded": int(opened.ids.size),
        **_of_mass(opened.mass, opened.size),
        "samples": opened.samples.size,
        **_of_source(opened.samples),
        **_of_rows(opened.samples),
        **_of_map(opened.samples),
        "metric": opened.metric,
        "integrator": opened.integrator,
        **({"stages": opened.stages} if len(opened.stages) > 1 else {}),
        **_of_epochs(opened),
        "alpha": opened.alpha,
        **({"decay": opened.decay} if opened.decay > 0.0 else {}),
        "frames": opened.frames,
        "planned_frames": opened.planned_frames,
        "complete": opened.is_complete,
        "time_first": float(times[0]) if times.size else None,
        "time_last": float(times[-1]) if times.size else None,
        **opened.storage(),
        "bytes": opened.bytes,
        "observables": list(opened.observables),
    }
    if "loss" in opened.observables and opened.loss.size:
        facts["loss_first"] = float(opened.loss[0])
        facts["loss_last"] = float(opened.loss[-1])
    return facts


def _of_mass(mass: "Array | None", m: int) -> dict[str, Any]:
    """Facts about the weights of the recorded neurons; none if all are equal."""
    if mass is None:
        return {}
    facts = {"mass_least": float(mass.min()), "mass_largest": float(mass.max())}
    if mass.size < m:
        return facts | {"mass_recorded": float(mass.sum())}
    return facts | {"effective_neurons": effective_number(mass)}


def _of_epochs(opened: "Trajectory") -> dict[str, Any]:
    """What an epoch is, and how many there are; none if the run was not set by epochs."""
    epochs = epochs_of_config(opened.config, opened.alpha, opened.samples)
    if epochs is None:
        return {}
    return {"epochs": epochs.number, "tau_of_an_epoch": epochs.step}


def _of_source(samples: Samples) -> dict[str, Any]:
    """Facts about how a file of samples was read; none if they come from elsewhere."""
    source, facts = samples.source, {}
    if source.x_name or source.y_name:
        facts = {"x_is": source.x_name, "y_is": source.y_name}
    return facts | ({"read": list(source.notes)} if source.notes else {})


def _of_rows(samples: Samples) -> dict[str, Any]:
    """Facts about the rows of the samples and their weights; none if each row is one sample."""
    facts: dict[str, Any] = {}
    if samples.has_repeats:
        facts |= {"rows": samples.rows.x.size, "loss_within": samples.loss_within}
    if samples.is_weighted:
        facts |= {"weight_least": float(samples.weights.min())}
        facts |= {"weight_largest": float(samples.weights.max())}
    return facts


def _of_map(samples: Samples) -> dict[str, Any]:
    """Facts about the affine map through which the network sees x; none if there is no map."""
    if not samples.is_mapped:
        return {}
    return {
        "x_first": float(samples.x[0]),
        "x_last": float(samples.x[-1]),
        "x_shift": samples.x_shift,
        "x_scale": samples.x_scale,
        "x_of_the_network": "(x - x_shift) / x_scale",
    }


def _of_sweep(sweep: "Sweep") -> dict[str, Any]:
    design = sweep.design
    return {
        "runs": int(sweep.status.size),
        "done": sweep.count(DONE),
        "failed": sweep.count(FAILED),
        "problems": sweep.problems,
        "axes": design.axes,
        "seeds": design.seeds,
        "columns": list(design.names),
        "trajectories": design.trajectories or None,
        "seconds": float(np.nansum(sweep.columns["seconds"])),
    }


def _of_limit(limit: "Limit") -> dict[str, Any]:
    design = limit.design
    return {
        "tolerance": design.tolerance,
        "reached": limit.is_reached,
        "consistent": limit.is_consistent,
        "verdict": limit.verdict,
        "neurons": limit.neurons,
        "independent_neurons": limit.independent,
        "replicates": design.replicates,
        "levels": {str(level.neurons): level.error for level in limit.levels},
        "observables": list(design.observables),
        "problems": limit.problems,
        "seconds": sum(level.seconds for level in limit.levels),
    }


_OF_HDF5: dict[str, Callable[[Path], dict[str, Any]]] = {
    "sweep": lambda path: _of_sweep(open_sweep(path)),
    "limit": lambda path: _of_limit(open_limit(path)),
    "checkpoint": facts_of_checkpoint,
    "part": facts_of_part,
    "VTKHDF": facts_of_vtkhdf,
}
"""Facts about HDF5 files that are no trajectory, by their kind."""


def _of_archive(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind and the facts of a .npz: an export, neurons to start from, or other arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {
                name.removesuffix(".npy"): _shape_in(archive, name) for name in archive.namelist()
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise TrajectoryError(f"{path}: cannot be read as .npz: {problem}") from None
    is_start = {"a", "b", "c"} <= set(shapes)
    kind = "export" if "rhat" in shapes else "neurons" if is_start else "arrays"
    facts: dict[str, Any] = {}
    if kind == "arrays":
        kind, facts = _of_samples_or(path, kind, facts)
    arrays = [f"{name} {'x'.join(map(str, shapes[name])) or 1}" for name in shapes]
    return kind, {"arrays": arrays, **facts}


def _shape_in(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    """The shape of an array in a .npz, from the array's header: its data may be large."""
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape: tuple[int, ...] = read(file)[0]
        return shape


def _of_text(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind and the facts of a delimited text: an export, neurons, samples, or another table."""
    with opened(path, TrajectoryError) as (text, _):
        columns = [name.strip() for name in text.readline(_LONGEST).split(",")]
    kind = next((kind for names, kind in _HEADERS if tuple(columns[: len(names)]) == names), None)
    if kind is None:
        return _of_samples(path)
    with opened(path, TrajectoryError) as (text, _):
        rows = sum(1 for line in text if line.strip()) - 1
    return kind, {"columns": columns, "rows": rows}


def _of_samples(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind and the facts of samples that a run would read with no key but ``file``."""
    try:
        return "samples", facts_of_samples(Samples.from_file(path))
    except SamplesError as problem:
        return "table", {"as_samples": str(problem)}


def _of_samples_or(path: Path, kind: str, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What `_of_samples` tells if these are samples, else this kind and these facts."""
    found, own = _of_samples(path)
    return (found, own) if found == "samples" else (kind, facts | own)


def facts_of_samples(samples: Samples) -> dict[str, Any]:
    """Facts about samples, and about the file that they were read from."""
    return {
        "samples": samples.size,
        **_of_source(samples),
        **_of_rows(samples),
        "x_first": float(samples.x[0]),
        "x_last": float(samples.x[-1]),
        "y_least": float(samples.rows.y.min()),
        "y_largest": float(samples.rows.y.max()),
        "spread": samples.spread,
        **({"hint": hint} if (hint := samples.hint()) is not None else {}),
    }


def _of_configuration(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind and the facts of a .toml: every key of a configuration, also those left out."""
    tables = tomllib.loads(config.load(path).toml)
    return "configuration", {
        f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()
    }


_HEADERS = (
    (NEURONS_TABLE, "export"), (OBSERVABLES_TABLE, "export"), (("a", "b", "c"), "neurons")
)  # fmt: skip
"""First columns of the tables that this package writes or reads, and their kinds."""
_KINDS = {
    ".npz": _of_archive, ".toml": _of_configuration, ".npy": _of_samples,
    ".csv": _of_text, ".xyz": facts_of_xyz,
}  # fmt: skip


def isolated(file: Path, as_json: bool) -> str:
    """The output of ``particleflow info`` for a file, from a process with a limit of time.

    Raises
    ------
    TrajectoryError
        The process has refused the file, or the HDF5 library hangs or crashes on the file.
    """
    command = [sys.executable, "-m", "particleflow", "info", str(file), *["--json"] * as_json]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=ISOLATED_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise TrajectoryError(
            f"{file}: is damaged: the HDF5 library has not read it in {ISOLATED_SECONDS} s"
        ) from None
    if done.returncode < 0:  # a signal has ended the process
        raise TrajectoryError(
            f"{file}: is damaged: the HDF5 library crashes on it (signal {-done.returncode})"
        )
    if done.returncode:
        raise TrajectoryError(done.stderr.strip().removeprefix("particleflow: "))
    return done.stdout
