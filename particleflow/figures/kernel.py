"""The tangent kernel over time: its eigenvalues, and the residuals along its eigenvectors."""

import numpy as np
from matplotlib.axes import Axes

from particleflow.arguments import Array
from particleflow.theory import residual_modes
from particleflow.trajectory import Trajectory

from .phase import path_frames
from .style import GREY, LINES, empty, legend_above, mark, shown, tell, time_axis

_MODES = 6
_MOST_VALUES = 32
_MOST_SAMPLES = 1000
_FLOOR = 1e-14
"""Eigenvalues below this share of the largest are rounding errors, and not drawn."""


def draw_modes(ax: Axes, trajectory: Trajectory) -> Axes:
    """Residuals over time along eigenvectors of the tangent kernel H_0 of the first frame.

    The eigenvectors are those of the six largest eigenvalues lambda_k. Dashed lines show how the
    residuals would decay if the kernel stood still, like exp(-lambda_k tau); runs with weight decay
    have none, since their residuals go elsewhere.
    """
    if "residual" not in trajectory.observables:
        return empty(ax, "residuals were not recorded")
    if problem := _problem(trajectory):
        return empty(ax, problem)
    tau, residual = trajectory.observable("residual")
    kernel = trajectory.tangent_kernel(0)
    if not np.isfinite(kernel).all():
        return empty(ax, "the tangent kernel of the first frame is not finite")
    samples = trajectory.samples
    rates, along = residual_modes(kernel, residual, _MODES, samples.weights)
    lowest = float(np.nanmin(along[along > 0.0], initial=np.inf))
    for k, rate in enumerate(rates.tolist()):
        colour = LINES(k / max(1, rates.size - 1))
        ax.plot(tau, along[:, k], marker=mark(tau), color=colour, label=f"{k + 1}")
        if trajectory.decay == 0.0:
            still = along[0, k] * np.exp(-rate * (tau - tau[0]))
            ax.plot(tau, still, color=colour, lw=0.6, ls="--")
    if trajectory.decay == 0.0:
        ax.plot([], [], color=GREY, lw=0.6, ls="--", label=r"$e^{-\lambda_k\tau}$")
    time_axis(ax, tau)
    if np.isfinite(lowest):
        ax.set_yscale("log")
        ax.set_ylim(0.5 * lowest, 2.0 * float(np.nanmax(along)))
    legend_above(ax, _MODES + 1, handlelength=1.0, columnspacing=0.8)
    weighted = r"\sqrt{w}\," if samples.is_weighted else ""
    ax.set_ylabel(rf"$|\langle v_k,{weighted}\rho\rangle|$ for mode $k$ of $H_0$")
    tell(ax, shown(rates.size, trajectory.samples.size, "modes, the fastest"))
    return ax


def draw_spectrum(ax: Axes, trajectory: Trajectory) -> Axes:
    """Eigenvalues of the tangent kernel over time: the 32 largest at most.

    If the run has recorded the observable ``kernel_spectrum``, its values are drawn, else those of
    the kernels of at most 64 frames.
    """
    frames = None
    if "kernel_spectrum" in trajectory.observables:
        tau, values = trajectory.observable("kernel_spectrum")
    elif problem := _problem(trajectory):
        return empty(ax, problem)
    else:
        frames = path_frames(trajectory.frames, trajectory.size)
        tau = trajectory.time[frames]
        kernels = (trajectory.tangent_kernel(frame) for frame in frames)
        values = np.array([_eigenvalues(kernel) for kernel in kernels])
    if not (np.isfinite(values) & (values > 0.0)).any():
        return empty(ax, "the tangent kernel is 0, or not finite")
    total, lowest = values.shape[1], _FLOOR * float(np.nanmax(values, initial=0.0))
    most = min(total, _MOST_VALUES)
    for k in range(most):
        colour = LINES(k / max(1, most - 1))
        ax.plot(tau, _above(values[:, k], lowest), marker=mark(tau), color=colour, lw=0.8)
    time_axis(ax, tau)
    ax.set_yscale("log")
    largest = f"{most} largest of {total} " if most < total else ""
    ax.set_ylabel(f"{largest}eigenvalues\nof the tangent kernel")
    tell(
        ax,
        shown(len(frames), trajectory.frames, "frames") if frames is not None else "",
        f"values above {_FLOOR:g} of the largest" if (values < lowest).any() else "",
    )
    return ax


def _eigenvalues(kernel: Array) -> Array:
    """The eigenvalues of a kernel, descending; NaN if the kernel is not finite."""
    if not np.isfinite(kernel).all():
        return np.full(kernel.shape[0], np.nan)
    return np.asarray(np.linalg.eigvalsh(kernel)[::-1], np.float64)


def _above(values: Array, lowest: float) -> Array:
    return np.where(values > lowest, values, np.nan)


def _problem(trajectory: Trajectory) -> str | None:
    """Why the tangent kernel of a trajectory cannot be drawn, or None if it can."""
    if trajectory.ids.size < trajectory.size:
        return "the tangent kernel needs all neurons"
    if trajectory.samples.size > _MOST_SAMPLES:
        return f"the tangent kernel is drawn for at most {_MOST_SAMPLES:,} samples"
    return None
