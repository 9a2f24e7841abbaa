"""The statements of Williams et al. (2019) as functions of arrays, which need no simulation.

Networks are given by hat parameters a, b, c, arrays (m,), with ``f(x) = (1/m) sum c [a x + b]_+``.
"""

from .alignment import extremal_directions
from .curvature import Curvature, curvature, slope_variation, smoothed_curvature
from .kernel_regime import KernelRegime
from .knots import (
    Clusters,
    NearSamples,
    activation_distance,
    clusters,
    gap_of,
    knot_distance,
    near_samples,
)
from .lemma1 import ATTRACTOR, BORDER, PASS_THROUGH, REPULSOR, classify_rays
from .minimal_norm import MinimalNorm, minimal_norm
from .piecewise_linear import PiecewiseLinear, degrees_of_freedom
from .splines import (
    NetworkInterpolant,
    SplineInterpolant,
    distance,
    natural_spline,
    network_kernel,
    spline_kernel,
)
from .stability import stability_weight, weighted_variation
from .tangent_kernel import (
    kernel_distance,
    replay,
    replay_drift,
    residual_modes,
    tangent_kernel,
)

__all__ = [
    "ATTRACTOR",
    "BORDER",
    "PASS_THROUGH",
    "REPULSOR",
    "Clusters",
    "Curvature",
    "KernelRegime",
    "MinimalNorm",
    "NearSamples",
    "NetworkInterpolant",
    "PiecewiseLinear",
    "SplineInterpolant",
    "activation_distance",
    "classify_rays",
    "clusters",
    "curvature",
    "degrees_of_freedom",
    "distance",
    "extremal_directions",
    "gap_of",
    "kernel_distance",
    "knot_distance",
    "minimal_norm",
    "natural_spline",
    "near_samples",
    "network_kernel",
    "replay",
    "replay_drift",
    "residual_modes",
    "slope_variation",
    "smoothed_curvature",
    "spline_kernel",
    "stability_weight",
    "tangent_kernel",
    "weighted_variation",
]
