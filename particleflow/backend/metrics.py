"""The two metrics, by name and by the number that kernels know them by."""

from typing import Literal, get_args

from particleflow.kernels import flow

Metric = Literal["network", "euclidean"]
METRICS: tuple[str, ...] = get_args(Metric)
METRIC_CODE = {"network": flow.NETWORK, "euclidean": flow.EUCLIDEAN}
