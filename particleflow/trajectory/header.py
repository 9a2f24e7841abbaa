"""What a new trajectory file says of its run: H5MD's header, settings, samples, configuration."""

import os
import platform
import uuid
from pathlib import Path

import h5py
import numpy as np

from particleflow._version import __version__
from particleflow.files import hdf5
from particleflow.run.observed import Observed

from .schema import CHECKPOINTED, ROWS


def fill_header(file: h5py.File) -> None:
    """Write what H5MD asks of every file: its version, the author and the creator."""
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1], np.int32)
    h5md.create_group("author").attrs["name"] = hdf5.text(_user_name())
    creator = h5md.create_group("creator")
    creator.attrs["name"] = hdf5.text("particleflow")
    creator.attrs["version"] = hdf5.text(__version__)


def _user_name() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or "unknown"


def fill_parameters(file: h5py.File, sim: Observed) -> None:
    """Write the settings of a run, versions, samples and the configuration."""
    import numba

    group = file.create_group("parameters")
    group.attrs["m"] = sim.size
    group.attrs["s"] = sim.samples.size
    group.attrs["alpha"] = sim.alpha
    if sim.decay > 0.0:
        group.attrs["decay"] = sim.decay
    group.attrs["metric"] = hdf5.text(sim.metric)
    group.attrs["integrator"] = hdf5.text(sim.integrator.name)
    group.attrs["state_dtype"] = hdf5.text(sim.state.dtype)
    group.attrs["device"] = hdf5.text(sim.device)
    group.attrs["threads"] = sim.threads
    group.attrs["ranks"] = sim.ranks.size
    group.attrs["seed"] = sim.provenance.get("seed", -1)
    group.attrs["run"] = hdf5.text(uuid.uuid4().hex)
    versions = {
        "particleflow": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version,
    }
    for name, version in versions.items():
        group.attrs[f"version_{name}"] = hdf5.text(version)
    samples = group.create_group("samples")
    hdf5.make_scale(hdf5.store(samples, "x", sim.samples.network_x), "sample")
    y = hdf5.store(samples, "y", sim.samples.y)
    hdf5.attach(y, samples["x"])
    samples.attrs["x_shift"] = sim.samples.x_shift
    samples.attrs["x_scale"] = sim.samples.x_scale
    if sim.samples.is_mapped:
        hdf5.store(samples, "original_x", sim.samples.x)
    source = sim.samples.source
    if source.x_name or source.y_name:
        samples.attrs["x_name"] = hdf5.text(source.x_name)
        samples.attrs["y_name"] = hdf5.text(source.y_name)
    if source.notes:
        hdf5.store(samples, "notes", np.array([note.encode() for note in source.notes]))
    if sim.samples.is_weighted:
        hdf5.attach(hdf5.store(samples, "weights", sim.samples.weights), samples["x"])
    if sim.samples.has_repeats:
        samples.attrs["loss_within"] = sim.samples.loss_within
        rows = samples.create_group(ROWS)
        for name, column in sim.samples.rows._asdict().items():
            hdf5.store(rows, name, column)
    config = sim.provenance.get("config", "").encode()
    hdf5.store(group, "config", np.array(config or b"\0"))
    group.attrs["config_folder"] = hdf5.text(_config_folder(file, sim))
    hdf5.store(group, "progress", np.zeros(2, np.int64))
    hdf5.store(file, CHECKPOINTED, np.zeros(1, np.int64))


def _config_folder(file: h5py.File, sim: Observed) -> str:
    """Folder of the configuration, relative to that of the file: both can be moved together."""
    folder = sim.provenance.get("folder")
    if folder is None:
        return ""
    try:
        return os.path.relpath(folder, Path(file.filename).parent)
    except ValueError:  # another drive
        return str(folder)
