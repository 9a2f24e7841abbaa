"""What the parameters of a trajectory file say: its samples, and the stages of its run."""

import json

import h5py
import numpy as np

from particleflow.files import hdf5
from particleflow.files.hdf5 import string
from particleflow.model.rows import Rows, Source
from particleflow.model.samples import Samples

from .schema import ROWS


def stages_of(parameters: h5py.Group) -> list[str]:
    """The stages of a run of gradient descent in words: each step, and how long it was used."""
    if "plan" not in parameters or "stages" not in parameters["plan"].attrs:
        return []
    attributes = parameters["plan"].attrs
    found = [
        f"step {stage['step']:.6g} until step {stage['until_step']} "
        f"(tau = {stage['until_time']:.6g})"
        for stage in json.loads(string(attributes["stages"]))
    ]
    last = json.loads(string(attributes["integrator"])).get("step")
    return found if last is None else [*found, f"step {last:.6g}"]


def samples_of(group: h5py.Group) -> Samples:
    """The samples of a file; `skeleton` says which of their datasets there are when."""
    seen = hdf5.read_all(group, "x")
    shift, scale = float(group.attrs["x_shift"]), float(group.attrs["x_scale"])
    if ROWS in group:
        rows = Rows(*(hdf5.read_all(group[ROWS], name) for name in Rows._fields))
    else:
        own = hdf5.read_all(group, "original_x") if "original_x" in group else shift + scale * seen
        y = hdf5.read_all(group, "y")
        weights = hdf5.read_all(group, "weights") if "weights" in group else np.ones(y.size)
        rows = Rows(own, y, weights)
    names = [string(group.attrs.get(name, b"")) for name in ("x_name", "y_name")]
    notes = map(string, hdf5.read_all(group, "notes").tolist() if "notes" in group else ())
    return Samples.of_network(seen, rows, shift, scale, Source(names[0], names[1], tuple(notes)))
