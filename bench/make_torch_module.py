"""Make tests/recorded/torch_module.npz: a module of PyTorch before and after 500 epochs of SGD.

    python bench/make_torch_module.py tests/recorded/torch_module.npz

The network is Linear - ReLU - Linear in float64, the loss ``MSELoss``, the optimiser plain SGD, as
in a script of a user; the file has both states under their own names. Needs PyTorch, which the
tests do not: they read the file.
"""

import platform
import sys

import numpy as np
import torch

EPOCHS, LEARNING_RATE, M = 500, 0.02, 40


def main() -> None:
    """Train the module and store both states."""
    torch.manual_seed(3)
    random = np.random.default_rng(8)
    x = np.sort(random.uniform(-1.0, 1.0, 9))
    y = np.cos(2.0 * x) + 0.2 * random.standard_normal(x.size)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, M), torch.nn.ReLU(), torch.nn.Linear(M, 1, bias=False)
    ).double()
    states = {f"start/{name}": v.numpy().copy() for name, v in module.state_dict().items()}
    inputs, targets = torch.tensor(x)[:, None], torch.tensor(y)[:, None]
    optimiser, loss = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE), torch.nn.MSELoss()
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        loss(module(inputs), targets).backward()
        optimiser.step()
    states |= {f"end/{name}": v.numpy().copy() for name, v in module.state_dict().items()}
    np.savez(
        sys.argv[1], x=x, y=y, epochs=EPOCHS, learning_rate=LEARNING_RATE,
        command=f"python {' '.join(sys.argv)}",
        version=f"torch {torch.__version__}, numpy {np.__version__}, "
        f"python {platform.python_version()}, {platform.machine()}",
        **states,
    )  # fmt: skip


if __name__ == "__main__":
    main()
