"""The names of the two metrics, and the number by which kernels know each."""

from typing import Literal, get_args

from particleflow.kernels import flow

Metric = Literal["network", "euclidean"]
METRICS: tuple[str, ...] = get_args(Metric)


def metric_code(metric: Metric, is_weighted: bool = False) -> int:
    """The number of a metric; weights make a difference to kernels in the euclidean one only."""
    if metric == "network":
        return flow.NETWORK
    return flow.EUCLIDEAN_WEIGHTED if is_weighted else flow.EUCLIDEAN
