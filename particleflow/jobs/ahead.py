"""Compile the kernels of every integrator ahead of the first run, as a container wants them."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import NamedTuple

from particleflow import backend
from particleflow.errors import ParticleflowError
from particleflow.integrators import registry
from particleflow.run.observables import BUILT_IN

_CONFIG = f"""\
samples = {{ kind = "square_wave", count = 10 }}
neurons = {{ init = "reduced", delta = 1.0 }}
flow = {{ t_end = 0.01 }}
output = {{ frames = 3, observables = [{", ".join(f'"{name}"' for name in BUILT_IN)}] }}
"""
_COUNTS = 300, 40_000
"""Neurons that one slot holds, and more than that, which are kept in sector order."""


class Compiled(NamedTuple):
    """What was compiled: the integrator, the precision of the state, and the seconds it took."""

    integrator: str
    precision: str
    seconds: float


def compile_ahead(
    integrators: Iterable[str] | None = None, tell: Callable[[Compiled], None] = lambda _: None
) -> None:
    """Compile what runs on the CPU need, each integrator and precision in a process of its own.

    As many processes work at once as there are threads; a kernel that several of them need is
    compiled by one. Runs on many ranks need a few more kernels, devices all of theirs.

    Parameters
    ----------
    integrators : iterable of str, optional
        All by default.
    tell : callable, optional
        Called after each.

    Raises
    ------
    ParticleflowError
        There is no folder for compiled kernels, or a run failed; the text has its last line.
    """
    if not backend.cache_folder():
        raise ParticleflowError(
            "there is no folder in which compiled kernels could be kept: set NUMBA_CACHE_DIR"
        )
    wanted = list(product(integrators or registry.names(), backend.PRECISIONS))
    with ThreadPoolExecutor(backend.resolve_threads(None)) as workers:
        jobs = [workers.submit(_compile, *one) for one in wanted]
        try:
            for job in as_completed(jobs):
                tell(job.result())
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise


def _compile(integrator: str, precision: str) -> Compiled:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "compile.toml")
        path.write_text(_CONFIG)
        for count in _COUNTS:
            _run(path, *_settings(integrator), "--set", f"flow.state_dtype={precision}",
                 "--set", f"neurons.count={count}")  # fmt: skip
    return Compiled(integrator, precision, time.monotonic() - begin)


def _run(config: Path, *settings: str) -> None:
    command = [sys.executable, "-m", "particleflow", "run", str(config), *settings, "--quiet",
               "-o", str(config.with_suffix(".h5")), "--overwrite", "--device", "cpu",
               "--threads", "1"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ParticleflowError(f"{' '.join(settings)}: {last}")


def _settings(integrator: str) -> Iterator[str]:
    yield from ("--set", f"flow.integrator={integrator}")
    if registry.of_name(integrator).counts_steps:
        yield from ("--set", "flow.step=1e-3")
