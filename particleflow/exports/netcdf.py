"""Exports as netCDF-4 with names and units after the CF conventions, which xarray opens."""

from pathlib import Path
from typing import Any

import numpy as np

from particleflow._version import __version__
from particleflow.errors import TrajectoryError
from particleflow.model.samples import Samples

from .choice import Choice, Series

_NEURONS = {
    "rhat": ("1", "reduced radius c |(a, b)|, with the sign of c"),
    "theta": ("rad", "angle atan2(b, a) of the weights, in (-pi, pi]"),
    "cell": ("1", "sector 0 .. 2s-1, or 2s + r sliding on ray r, or 4s at rest in the origin"),
    "knot": ("1", "knot -b/a; x_j itself for a neuron that slides on x_j"),
}

_METADATA = 100_000
"""Bytes that are reserved for what describes the file, in `size`."""
_TEXT = np.dtype("O", metadata={"vlen": str})
"""The dtype of strings of any length, as h5py marks it."""


def require() -> Any:
    """The module h5netcdf, which writes netCDF and is an optional dependency.

    Raises
    ------
    TrajectoryError
        h5netcdf is not installed.
    """
    try:
        import h5netcdf
    except ImportError:
        raise TrajectoryError("netCDF: needs h5netcdf; pip install h5netcdf") from None
    return h5netcdf


def size(choice: Choice) -> int:
    """About how many bytes the netCDF file of a choice will have."""
    frames, n = choice.shape
    precision = choice.precision.itemsize
    observed = sum(series.values.nbytes + series.time.nbytes for series in choice.series())
    # per frame and neuron: rhat and theta, cell as int32 and knot as float64
    return frames * n * (2 * precision + 4 + 8) + 24 * (frames + n) + observed + _METADATA


def write(choice: Choice, target: Path) -> None:
    """Write the netCDF file: frames, observables, samples, and the run's settings as attributes.

    Raises
    ------
    TrajectoryError
        h5netcdf is not installed.
    """
    with require().File(target, "w") as file:
        _describe(file, choice)
        frames, n = choice.shape
        file.dimensions = {"time": frames, "id": n, "sample": choice.trajectory.samples.size}
        trajectory = choice.trajectory
        samples = trajectory.samples
        times = trajectory.time[choice.frames]
        _add(file, "time", ("time",), times, "1", "mean-field time tau", axis="T")
        _add(file, "id", ("id",), choice.ids, "1", "number of the neuron in the run")
        of_x, of_y = (f": {n}" if n else "" for n in (samples.source.x_name, samples.source.y_name))
        _add(file, "sample", ("sample",), samples.x, "1", f"x of the samples{of_x}")
        _add(file, "y", ("sample",), samples.y, "1", f"y of the samples{of_y}")
        if samples.is_weighted:
            name = "weights of the samples in the loss"
            _add(file, "weights", ("sample",), samples.weights, "1", name)
        if samples.has_repeats:
            _add_rows(file, samples)
        _add(file, "step", ("time",), trajectory.step[choice.frames], "1", "steps taken")
        if choice.delta is not None:
            name = "c^2 - a^2 - b^2 at the start, which the flow keeps, times delta_factor if any"
            _add(file, "delta", ("id",), choice.delta, "1", name)
        if trajectory.decay > 0.0:
            factors, name = trajectory.delta_factor[choice.frames], "weight decay of delta"
            _add(file, "delta_factor", ("time",), factors, "1", name)
        if choice.mass is not None:
            name = "weights of the neurons, of sum 1 over all neurons of the run"
            _add(file, "mass", ("id",), choice.mass, "1", name)
        _add_neurons(file, choice)
        for series in choice.series():
            _add_series(file, series)


def _add_rows(file: Any, samples: Samples) -> None:
    """Create the variables of the rows of which samples are made, over an axis of their own."""
    file.dimensions["row"] = samples.rows.x.size
    for name, column in samples.rows._asdict().items():
        _add(file, f"row_{name}", ("row",), column, "1", f"{name} of the rows as they were given")
    file.attrs["loss_within"] = samples.loss_within


def _describe(file: Any, choice: Choice) -> None:
    """Write the attributes of the file, which describe the run and the choice."""
    trajectory = choice.trajectory
    file.attrs.update(
        Conventions="CF-1.11",
        title="Training of a shallow ReLU network as a system of particles",
        source=f"particleflow {__version__}",
        metric=trajectory.metric,
        integrator=trajectory.integrator,
        m=trajectory.size,
        alpha=trajectory.alpha,
        **({"decay": trajectory.decay} if trajectory.decay > 0.0 else {}),
        config=trajectory.config,
        x_shift=trajectory.samples.x_shift,
        x_scale=trajectory.samples.x_scale,
        chosen=choice.description,
        comment="Hat units, mean-field time tau = t / alpha; all quantities are dimensionless. "
        "x and knots are those of the samples; theta, rhat, delta and sums over sectors are of "
        "(x - x_shift) / x_scale.",
    )


def _add(
    file: Any,
    name: str,
    axes: tuple[str, ...],
    values: np.ndarray,
    units: str | None,
    long_name: str,
    **attributes: Any,
) -> None:
    """Create a variable over these axes, and write its values and attributes."""
    is_text = values.dtype.kind == "S"
    variable = file.create_variable(name, axes, _TEXT if is_text else values.dtype)
    variable[...] = values.astype(str).astype(object) if is_text else values
    if units is not None:
        attributes["units"] = units
    variable.attrs.update(long_name=long_name, **attributes)


def _add_neurons(file: Any, choice: Choice) -> None:
    """Write rhat, theta, cell and knot of the chosen neurons over frames."""
    dtypes = {
        "rhat": choice.precision,
        "theta": choice.precision,
        "cell": np.int32,
        "knot": np.float64,
    }
    variables = {}
    for name, (units, long_name) in _NEURONS.items():
        variable = file.create_variable(name, ("time", "id"), dtypes[name])
        variable.attrs.update(units=units, long_name=long_name)
        variables[name] = variable
    for block in choice.blocks():
        variables["rhat"][block.where] = block.position[..., 0]
        variables["theta"][block.where] = block.position[..., 1]
        variables["cell"][block.where] = block.cell
        variables["knot"][block.where] = block.knots


def _add_series(file: Any, series: Series) -> None:
    """Write an observable over the frames' times, or over an axis of its own times.

    An observable without any recorded value is left out.
    """
    if series.time.size == 0:
        return
    axes = ["time"] if series.is_at_frames else [_time_axis(file, series)]
    for name, labels in series.axes.items():
        if name not in file.dimensions:
            file.dimensions[name] = len(labels)
            _add(file, name, (name,), labels, None, f"{name.partition('_')[0]} of the observables")
        axes.append(name)
    _add(file, series.name, tuple(axes), series.values, "1", series.name.replace("_", " "))


def _time_axis(file: Any, series: Series) -> str:
    """The name of the axis with the times of an observable.

    Observables with equal times share an axis, which is made for the first of them.
    """
    for k in range(100):
        name = "observable_time" + (f"_{k}" if k else "")
        if name not in file.dimensions:
            file.dimensions[name] = series.time.size
            _add(file, name, (name,), series.time, "1", "mean-field time tau of observables")
            return name
        if np.array_equal(file[name][...], series.time):
            return name
    raise TrajectoryError("netCDF: observables have more than 100 cadences")
