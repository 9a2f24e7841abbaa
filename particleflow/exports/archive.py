"""Exports as NumPy's .npz: arrays by name, which `numpy.load` opens.

Arrays of neurons are written block by block as they are read, and never held in memory as a whole.
"""

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from .choice import Choice


def write(choice: Choice, target: Path) -> None:
    """Write the .npz file, with the arrays rhat, theta, cell, time, ... that `export` lists."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in _small(choice).items():
            _add(archive, name, np.asarray(values))
        # a zip file has one member open for writing at a time: positions are read once for each
        for component, name in enumerate(("rhat", "theta")):
            with _open(archive, name, choice.shape, choice.precision) as file:
                for block in choice.blocks():
                    file.write(np.ascontiguousarray(block.position[..., component]).data)
        with _open(archive, "cell", choice.shape, np.dtype(np.int32)) as file:
            for block in choice.blocks():
                file.write(np.ascontiguousarray(block.cell, np.int32).data)


def _small(choice: Choice) -> dict[str, Any]:
    """All arrays but those by frame and neuron, by name."""
    trajectory = choice.trajectory
    arrays = {
        "time": trajectory.time[choice.frames],
        "step": trajectory.step[choice.frames],
        "id": choice.ids,
        "x": trajectory.samples.x,
        "y": trajectory.samples.y,
        "x_shift": trajectory.samples.x_shift,
        "x_scale": trajectory.samples.x_scale,
        "m": trajectory.size,
        "alpha": trajectory.alpha,
        "metric": trajectory.metric,
        "integrator": trajectory.integrator,
        "config": trajectory.config,
        "chosen": choice.description,
    }
    samples = trajectory.samples
    if samples.is_weighted:
        arrays["weights"] = samples.weights
    if samples.has_repeats:
        rows = samples.rows._asdict()
        arrays |= {f"row_{name}": column for name, column in rows.items()}
        arrays["loss_within"] = samples.loss_within
    if choice.delta is not None:
        arrays["delta"] = choice.delta
    if trajectory.decay > 0.0:
        arrays["decay"] = trajectory.decay
        arrays["delta_factor"] = trajectory.delta_factor[choice.frames]
    if choice.mass is not None:
        arrays["mass"] = choice.mass
    for series in choice.series():
        arrays[series.name] = series.values
        if not series.is_at_frames:
            arrays[f"time_of_{series.name}"] = series.time
    return arrays


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, values, allow_pickle=False)


def _open(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> IO[bytes]:
    """Open a member of the archive with the header of an array, whose data the caller writes."""
    file = archive.open(f"{name}.npy", "w", force_zip64=True)
    header = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    np.lib.format.write_array_header_2_0(file, header)
    return file
