"""How others count: what a learning rate is the learning rate of.

Here L = 1/2 sum w_r (f(x_r) - y_r)^2 over n rows, whatever the loss is called. A step of gradient
descent with the rate eta on another multiple of it is one on L with that multiple of the rate.
"""

from typing import Literal, get_args

from particleflow.arguments import positive
from particleflow.errors import ConfigError

Loss = Literal["half_sum", "sum", "mean", "half_mean"]
"""``half_sum`` is L, ``sum`` the sum of w rho^2, ``mean`` that sum over n, ``half_mean`` half of
that. PyTorch's ``MSELoss`` is the mean unless another reduction is asked for."""
LOSSES: tuple[str, ...] = get_args(Loss)


def multiple_of_loss(loss: str, rows: float) -> float:
    """The loss of this name over L, for rows of this total weight: 1, 2, 2/n or 1/n.

    Raises
    ------
    ConfigError
        The name is unknown.
    """
    multiples = {"half_sum": 1.0, "sum": 2.0, "mean": 2.0 / rows, "half_mean": 1.0 / rows}
    if loss not in multiples:
        raise ConfigError(f"loss: expected one of {', '.join(LOSSES)}, found {loss!r}")
    return multiples[loss]


def step_in_tau(
    learning_rate: float, alpha: float, loss: str = "half_sum", rows: float = 1.0
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
    rows : float
        Number of rows n, with weights their sum.

    Raises
    ------
    ConfigError
        A number is not finite and above 0, or the loss is unknown.
    """
    rate = positive("learning_rate", learning_rate, ConfigError)
    multiple = multiple_of_loss(loss, positive("rows", rows, ConfigError))
    return rate * multiple / positive("alpha", alpha, ConfigError)
