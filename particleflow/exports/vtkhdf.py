"""Exports as VTKHDF, which ParaView and vtk open: the neurons as points on a cylinder.

Layout, of VTKHDF 2.0::

    /                             attributes creator, chosen, x_shift, x_scale
    /VTKHDF                       attributes Version, Type = "PolyData"
    /VTKHDF/Points                (F k, 3): cos theta, sin theta, rhat, one frame after the other
    /VTKHDF/Vertices              a cell for each neuron, the same at all frames
    /VTKHDF/Lines, Strips, Polygons   empty, as the format wants them
    /VTKHDF/PointData             rhat, theta, cell, knot (F k,); id, delta, mass (k,)
    /VTKHDF/Steps                 Values: tau of each frame; where its points and numbers begin
    /particles/trajectory         the same points (F, k, 3) with step and time as H5MD, for
                                  MDAnalysis; nothing is stored twice

Everything that readers of vtk 9.3 and newer ask for is there, though much of it is 0.
"""

from pathlib import Path

import h5py
import numpy as np

from particleflow._version import __version__

from .choice import Choice

_CELLS = ("Vertices", "Lines", "Strips", "Polygons")
_METADATA = 100_000
"""Bytes that are reserved for what describes the file, in `size`."""


def size(choice: Choice) -> int:
    """About how many bytes the file of a choice will have."""
    frames, n = choice.shape
    precision = choice.precision.itemsize
    # per frame and neuron: a point, rhat, theta, cell as int32, knot as float64
    return frames * n * (5 * precision + 4 + 8) + 300 * frames + 48 * n + _METADATA


def write(choice: Choice, target: Path) -> None:
    """Write the file, block by block."""
    with h5py.File(target, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0])
        root.attrs["Type"] = np.bytes_("PolyData")  # vtk before 9.5 refuses h5py's own texts
        file.attrs["creator"] = f"particleflow {__version__}"
        file.attrs["chosen"] = choice.description
        # theta and rhat are those of (x - x_shift) / x_scale, the x that the network sees
        file.attrs["x_shift"] = choice.trajectory.samples.x_shift
        file.attrs["x_scale"] = choice.trajectory.samples.x_scale
        _write_cells(root, choice.shape[1])
        _write_steps(root, choice)
        _write_points(root, choice)
        _link_h5md(file, choice)


def _write_cells(root: h5py.Group, n: int) -> None:
    root["NumberOfPoints"] = np.array([n])
    for kind in _CELLS:
        cells = n if kind == "Vertices" else 0
        group = root.create_group(kind)
        group["NumberOfCells"] = np.array([cells])
        group["NumberOfConnectivityIds"] = np.array([cells])
        group["Connectivity"] = np.arange(cells)
        group["Offsets"] = np.arange(cells + 1)


def _write_steps(root: h5py.Group, choice: Choice) -> None:
    """Say where the points of each frame begin; its cells are those of the first frame."""
    frames, n = choice.shape
    begin = np.arange(frames) * n
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = frames
    steps["Values"] = choice.trajectory.time[choice.frames]
    steps["PartOffsets"] = np.zeros(frames, np.int64)
    steps["NumberOfParts"] = np.ones(frames, np.int64)
    steps["PointOffsets"] = begin
    for name in ("CellOffsets", "ConnectivityIdOffsets"):
        steps[name] = np.zeros((frames, len(_CELLS)), np.int64)
    offsets = steps.create_group("PointDataOffsets")
    for name in ("rhat", "theta", "cell", "knot"):
        offsets[name] = begin
    for name in _constants(choice):
        offsets[name] = np.zeros(frames, np.int64)


def _constants(choice: Choice) -> dict[str, np.ndarray]:
    """What a neuron keeps at all frames, its number included, (k,) each, by name."""
    return {"id": choice.ids, **choice.constants}


def _write_points(root: h5py.Group, choice: Choice) -> None:
    frames, n = choice.shape
    rows, precision = frames * n, choice.precision
    points = root.create_dataset("Points", (rows, 3), precision)
    data = root.create_group("PointData")
    for name, values in _constants(choice).items():
        data[name] = values
    rhat, theta = (data.create_dataset(name, (rows,), precision) for name in ("rhat", "theta"))
    cell = data.create_dataset("cell", (rows,), np.int32)
    knot = data.create_dataset("knot", (rows,), np.float64)
    for block in choice.blocks():
        some = slice(block.where.start * n, block.where.stop * n)
        points[some] = block.points.reshape(-1, 3)
        rhat[some], theta[some] = block.position.reshape(-1, 2).T
        cell[some], knot[some] = block.cell.ravel(), block.knots.ravel()


def _link_h5md(file: h5py.File, choice: Choice) -> None:
    """Show the points as a trajectory of H5MD, in which MDAnalysis finds them."""
    frames, n = choice.shape
    file.create_group("h5md").attrs["version"] = np.array([1, 1])
    particles = file.create_group("particles/trajectory")
    box = particles.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = np.array([b"none"] * 3)
    layout = h5py.VirtualLayout((frames, n, 3), choice.precision)
    # one mapping for all frames: both have as many numbers, in one order
    layout[...] = h5py.VirtualSource(".", "/VTKHDF/Points", (frames * n, 3), choice.precision)
    position = particles.create_group("position")
    position.create_virtual_dataset("value", layout)
    position["step"] = choice.trajectory.step[choice.frames]
    position["time"] = file["VTKHDF/Steps/Values"]
