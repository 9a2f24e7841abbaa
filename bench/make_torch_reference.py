"""Make tests/recorded/torch_gd.npz: full-batch gradient descent by PyTorch in float64.

    python bench/make_torch_reference.py tests/recorded/torch_gd.npz
    python bench/make_torch_reference.py tests/recorded/torch_rows.npz --rows

With ``--rows`` every x occurs three times, and each row has a weight in the loss. Needs PyTorch,
which the tests do not: they read the file. It is written as users write it, a dense network,
autograd and torch.optim.SGD, on raw parameters, so that nothing of particleflow enters.
"""

import platform
import sys

import numpy as np
import torch

STEPS = 1000
EVERY = 100
M = 200
ALPHA = 50.0
LEARNING_RATE = 0.05  # dtau = 1e-3


def main() -> None:
    """Train and store the parameters and residuals at every ``EVERY``-th step."""
    has_rows = "--rows" in sys.argv
    random = np.random.default_rng(7)
    x = np.sort(random.uniform(-1.0, 1.0, 12))
    weights = np.ones(x.size)
    if has_rows:
        x = random.permutation(np.repeat(x, 3))
        weights = random.uniform(0.2, 3.0, x.size)
    y = np.sin(3.0 * x) + 0.3 * random.standard_normal(x.size)
    start = random.uniform(-1.0, 1.0, (3, M))
    xs, ys, ws = torch.tensor(x), torch.tensor(y), torch.tensor(weights)
    a, b, c = (torch.tensor(row, requires_grad=True) for row in start)
    optimiser = torch.optim.SGD([a, b, c], lr=LEARNING_RATE)
    parameters, residuals = [], []

    def residual() -> torch.Tensor:
        hidden = torch.relu(xs[:, None] * a + b)
        return hidden @ c / ALPHA - ys

    for step in range(STEPS + 1):
        rho = residual()
        if step % EVERY == 0:
            parameters.append(np.array([v.detach().numpy() for v in (a, b, c)]))
            residuals.append(rho.detach().numpy().copy())
        optimiser.zero_grad()
        (0.5 * (ws * rho**2).sum()).backward()
        optimiser.step()
    np.savez(
        sys.argv[1],
        x=x, y=y, weights=weights, alpha=ALPHA, learning_rate=LEARNING_RATE, every=EVERY,
        parameters=np.array(parameters), residuals=np.array(residuals),
        command=f"python {' '.join(sys.argv)}",
        version=f"torch {torch.__version__}, numpy {np.__version__}, "
        f"python {platform.python_version()}, {platform.machine()}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
