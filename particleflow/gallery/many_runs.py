"""All runs of a recipe that has many of them, on all processors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from particleflow.errors import IntegrationError
from particleflow.ranks.serial import affinity
from particleflow.sweeps.work import Result, Task
from particleflow.sweeps.workers import results_of


def ends_of(base: Any, tasks: list[Task], output: Path) -> Iterator[Result]:
    """The results of all tasks, in the order in which they end; ``output`` is for messages.

    Raises
    ------
    IntegrationError
        A run failed.
    """
    for result in results_of(base, tasks, len(affinity())):
        if result.problem is not None:
            raise IntegrationError(f"{output}: a run failed: {result.problem}")
        yield result
