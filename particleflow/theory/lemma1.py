"""Which rays attract neurons, so that knots stay on samples (Williams et al. 2019, Lemma 1)."""

import numpy as np
from numpy.typing import ArrayLike

from particleflow import arguments
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.rows import rows_of

ATTRACTOR = "attractor"
REPULSOR = "repulsor"
PASS_THROUGH = "pass-through"
BORDER = "border"


def classify_rays(
    x: ArrayLike, residual: ArrayLike, sign: int = 1, weights: ArrayLike | None = None
) -> np.ndarray:
    """Classify the rays by what they do to neurons whose output weight has this sign.

    Ray r, 0 <= r < 2 s, holds the neurons with their knot at the sample j = r mod s: those with
    a > 0 (active to the right of the knot) for r < s, those with a < 0 for r >= s.

    With xt_j = (x_j, 1), let S be the sum of rho_j' xt_j' over the samples j' other than j that are
    active on the ray, t the unit vector along increasing theta, w the sign of <xt_j, t>, and sg
    that of rhat. With ``p_in = -w sg <S, t>`` and ``p_j = sg rho_j |xt_j|`` the ray is an attractor
    if and only if 0 < p_in < p_j, and a repulsor if and only if p_j < p_in < 0. Otherwise neurons
    pass through it (Williams et al., Lemma 1). An attractor for one sign is a repulsor for the
    other. With weights of the samples, w_j rho_j stands in place of rho_j.

    Parameters
    ----------
    x : (s,) array_like
        Samples, strictly increasing.
    residual : (s,) array_like
        Residuals rho_j = f(x_j) - y_j.
    sign : {1, -1}
        The sign of rhat, which is that of c.
    weights : (s,) array_like, optional
        Weights of the samples in the loss, 1 by default.

    Returns
    -------
    (2 s,) array of str
        `ATTRACTOR`, `REPULSOR` or `PASS_THROUGH` for each ray, but `BORDER` for the rays s - 1 and
        s beside the dead sector, of which the lemma does not speak.

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match, x is not increasing, or sign is neither 1 nor -1.
    """
    points = arguments.increasing("x", x, SamplesError)
    rho = arguments.vector("residual", residual, SamplesError)
    s = points.size
    if rho.size != s:
        raise SamplesError(f"residual: expected {s} numbers, one a sample, found {rho.size}")
    if sign not in (1, -1):
        raise ConfigError(f"sign: expected 1 or -1, found {sign!r}")
    rho *= rows_of(points, rho, weights, None).weights
    normals = np.stack([points, np.ones(s)], axis=1)
    pushes = rho[:, None] * normals
    # neurons of the rays r < s are active to the right of their knot, others to the left
    to_the_right = pushes[::-1].cumsum(axis=0)[::-1] - pushes
    to_the_left = pushes.cumsum(axis=0) - pushes
    others = np.concatenate([to_the_right, to_the_left])
    length = np.hypot(points, 1.0)
    across = normals / length[:, None]  # w t, since t is normal to the ray as xt_j is
    p_in = -sign * np.einsum("ri,ri->r", others, np.concatenate([across, across]))
    p_j = sign * np.tile(rho * length, 2)
    kinds = np.full(2 * s, PASS_THROUGH, dtype="<U12")
    kinds[(p_in > 0.0) & (p_in < p_j)] = ATTRACTOR
    kinds[(p_j < p_in) & (p_in < 0.0)] = REPULSOR
    kinds[[s - 1, s]] = BORDER
    return kinds
