"""The names of the two metrics, and the number by which kernels know each."""

from typing import Literal, get_args

from particleflow.kernels import flow

Metric = Literal["network", "euclidean"]
METRICS: tuple[str, ...] = get_args(Metric)
METRIC_CODE = {"network": flow.NETWORK, "euclidean": flow.EUCLIDEAN}
