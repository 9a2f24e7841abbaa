"""PyTorch: the loop that users write, and the best formulations of the same step that we found."""

import torch


def _tensors(problem):
    torch.set_num_threads(_threads())
    return (torch.tensor(problem.x), torch.tensor(problem.y),
            [torch.tensor(v) for v in problem.parameters])  # fmt: skip


def _threads():
    import numba

    return numba.get_num_threads()


def _forward(x, a, b, c):
    return torch.relu(x[:, None] * a + b) @ c / a.numel()


class Autograd:
    """A dense network, autograd and torch.optim.SGD."""

    def __init__(self, problem):
        self._x, self._y, parameters = _tensors(problem)
        self._parameters = [v.requires_grad_(True) for v in parameters]
        self._optimiser = torch.optim.SGD(self._parameters, lr=problem.size * problem.h)

    def _residual(self):
        return _forward(self._x, *self._parameters) - self._y

    def steps(self, n):
        """Take n steps."""
        for _ in range(n):
            self._optimiser.zero_grad()
            (0.5 * (self._residual() ** 2).sum()).backward()
            self._optimiser.step()

    def residual(self):
        """The residuals now."""
        return self._residual().detach().numpy()


class _ByHand:
    """Gradients by hand, in place, without autograd; the residuals are carried along."""

    def __init__(self, problem):
        self._h, self._m = problem.h, problem.size
        self._x, self._y, self._z = _tensors(problem)
        self._rho = _forward(self._x, *self._z) - self._y

    def residual(self):
        """The residuals now."""
        return self._rho.numpy().copy()


class Chunked(_ByHand):
    """Chunks of neurons whose dense matrix fits into the cache, products by BLAS."""

    def __init__(self, problem):
        super().__init__(problem)
        self._size = max(64, 2**17 // problem.x.size)

    def steps(self, n):
        """Take n steps."""
        x = self._x
        for _ in range(n):
            force = torch.stack([self._rho * x, self._rho], dim=1) * -self._h
            f = torch.zeros_like(self._y)
            for a, b, c in zip(*(v.split(self._size) for v in self._z), strict=True):
                g = ((a[:, None] * x + b[:, None]) > 0).to(torch.float64) @ force
                dc = a * g[:, 0] + b * g[:, 1]
                a.add_(c * g[:, 0])
                b.add_(c * g[:, 1])
                c.add_(dc)
                f += c @ torch.relu(a[:, None] * x + b[:, None])
            self._rho = f / self._m - self._y


def _compiled_step(x, y, rho, a, b, c, h):
    active = a[:, None] * x + b[:, None] > 0
    gx = -h * torch.where(active, rho * x, 0.0).sum(1)
    g1 = -h * torch.where(active, rho, 0.0).sum(1)
    a, b, c = a + c * gx, b + c * g1, c + (a * gx + b * g1)
    f = (c[:, None] * torch.relu(a[:, None] * x + b[:, None])).sum(0)
    return f / a.numel() - y, a, b, c


class Compiled(_ByHand):
    """The dense step fused by torch.compile."""

    _step = None

    def __init__(self, problem):
        super().__init__(problem)
        if Compiled._step is None:
            Compiled._step = staticmethod(torch.compile(_compiled_step, dynamic=False))

    def steps(self, n):
        """Take n steps."""
        for _ in range(n):
            self._rho, *self._z = self._step(self._x, self._y, self._rho, *self._z, self._h)


class Sectors(_ByHand):
    """Our sectors written in PyTorch: searchsorted, index_add and cumsum, O(m log s + s) a step."""

    def _sector(self, a, b):
        s = self._x.numel()
        below = torch.searchsorted(self._x, -b / a)  # samples below the knot
        return torch.where(a > 0, below, torch.where(below == s, 0, s + below))

    def steps(self, n):
        """Take n steps."""
        x, y, s = self._x, self._y, self._x.numel()
        a, b, c = self._z
        sector = self._sector(a, b)
        for _ in range(n):
            force = torch.stack([self._rho * x, self._rho], dim=1) * -self._h
            total = force.sum(0)
            before = torch.cat([torch.zeros(1, 2, dtype=x.dtype), force.cumsum(0)[:-1]])
            g = torch.cat([total - before, torch.zeros(1, 2, dtype=x.dtype), before[1:]])[sector]
            dc = a * g[:, 0] + b * g[:, 1]
            a += c * g[:, 0]
            b += c * g[:, 1]
            c += dc
            sector = self._sector(a, b)
            moments = torch.zeros(2 * s, 2, dtype=x.dtype)
            moments.index_add_(0, sector, torch.stack([c * a, c * b], dim=1))
            rising = moments[:s].cumsum(0)
            falling = moments[s + 1 :].flip(0).cumsum(0).flip(0)
            sums = rising + torch.cat([falling, torch.zeros(1, 2, dtype=x.dtype)])
            self._rho = (sums[:, 0] * x + sums[:, 1]) / self._m - y


PEERS = {
    "PyTorch: autograd": Autograd,
    "PyTorch: chunks, by hand": Chunked,
    "PyTorch: compiled": Compiled,
    "PyTorch: our sectors": Sectors,
}
