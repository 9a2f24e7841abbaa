"""How others count: the scale of a network, and what a learning rate is the learning rate of.

Here L = 1/2 sum w_r (f(x_r) - y_r)^2 over n rows, whatever the loss is called. A step of gradient
descent with the rate eta on another multiple of it is one on L with that multiple of the rate.
"""

from typing import Literal, get_args

from particleflow.arguments import finite, positive
from particleflow.errors import ConfigError, NeuronsError

Loss = Literal["half_sum", "sum", "mean", "half_mean"]
"""``half_sum`` is L, ``sum`` the sum of w rho^2, ``mean`` that sum over n, ``half_mean`` half of
that. PyTorch's ``MSELoss`` is the mean unless another reduction is asked for."""
LOSSES: tuple[str, ...] = get_args(Loss)


def multiple_of_loss(loss: str, rows: float | None) -> float:
    """The loss of this name over L, for rows of this total weight: 1, 2, 2/n or 1/n.

    Raises
    ------
    ConfigError
        The name is unknown, or the number of rows is out of range, or missing for a mean.
    """
    if loss not in LOSSES:
        raise ConfigError(f"loss: expected one of {', '.join(LOSSES)}, found {loss!r}")
    if rows is not None:
        positive("rows", rows, ConfigError)
    elif loss in ("mean", "half_mean"):
        raise ConfigError(f"rows: loss = {loss!r} needs their number")
    n = rows or 1.0
    return {"half_sum": 1.0, "sum": 2.0, "mean": 2.0 / n, "half_mean": 1.0 / n}[loss]


def step_in_tau(
    learning_rate: float, alpha: float, loss: str = "half_sum", rows: float | None = None
) -> float:
    """The time dtau of a step of gradient descent on raw parameters: eta / alpha, times a multiple.

    Parameters
    ----------
    learning_rate : float
        eta of plain full-batch gradient descent: no momentum, no noise.
    alpha : float
        Scale of the raw network.
    loss : {"half_sum", "sum", "mean", "half_mean"}
        What eta is the rate of.
    rows : float, optional
        Number of rows n, with weights their sum; the two means need it.

    Raises
    ------
    ConfigError
        A number is not finite and above 0, or the loss is unknown.
    """
    rate = positive("learning_rate", learning_rate, ConfigError)
    multiple = multiple_of_loss(loss, rows)
    return rate * multiple / positive("alpha", alpha, ConfigError)


def decay_in_tau(
    weight_decay: float, alpha: float, loss: str = "half_sum", rows: float | None = None
) -> float:
    """The rate lambda in tau of a weight decay of raw parameters: alpha times it, over a multiple.

    An optimiser with weight decay wd steps along the gradient of its loss plus wd times the
    parameters, as PyTorch's SGD does. In units of tau, in which L has the gradient of the model,
    that is lambda = alpha wd times 1, 1/2, n/2 or n. No learning rate enters.

    Parameters
    ----------
    weight_decay : float
        At least 0, and the same for a, b and c.
    alpha : float
        Scale of the raw network.
    loss : {"half_sum", "sum", "mean", "half_mean"}
        What the optimiser lowers besides.
    rows : float, optional
        Number of rows n, with weights their sum; the two means need it.

    Raises
    ------
    ConfigError
        A number is out of range, or the loss is unknown.
    """
    decay = finite("weight_decay", weight_decay, ConfigError)
    if decay < 0.0:
        raise ConfigError(f"weight_decay: expected at least 0, found {decay:g}")
    multiple = multiple_of_loss(loss, rows)
    return decay * positive("alpha", alpha, ConfigError) / multiple


def scale_alpha(alpha: float | str | None, m: int) -> float:
    """The scale of a network of m neurons as a number; m if ``alpha`` is None or "m".

    Raises
    ------
    NeuronsError
        The scale is another text, or no finite number above 0.
    """
    if alpha is None or alpha == "m":
        return float(m)
    if isinstance(alpha, str):
        raise NeuronsError(f'alpha: expected a number or "m", found {alpha!r}')
    return positive("alpha", alpha, NeuronsError)
