"""Processes that carry out runs, each on one thread.

What a run is the module of its base says: it has a named tuple ``Base`` and a function
``carry_out(base, task)``, as `work` has.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from particleflow.errors import DeviceError

from .work import Result, Task

_ONE_THREAD = {
    "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive",
}  # fmt: skip
COMMAND = (sys.executable, "-W", "ignore", "-m", "particleflow.sweeps.worker")
_DYING_SECONDS = 5.0
_DEATHS = 3
"""Deaths of processes, before any result, at which a sweep gives up, as on a broken install."""


class _Worker:
    """A process that carries out runs, started when it gets a task, and a thread that serves it.

    The thread takes tasks from one queue and puts into the other results, an exception if it
    fails, and None at its end.
    """

    def __init__(self, base: tuple[Any, ...], tasks: "queue.SimpleQueue[Task]", out: Any) -> None:
        self._base, self._tasks, self._out = base, tasks, out
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while not self._is_stopped:
                try:
                    task = self._tasks.get_nowait()
                except queue.Empty:
                    break
                self._out.put(self._carry_out(task))
        except BaseException as problem:
            self._out.put(problem)
        finally:
            self.stop()
            self._out.put(None)

    def _carry_out(self, task: Task) -> Result:
        process = self._process or self._start()
        assert process.stdout is not None
        try:
            _say(process, task)
            return Result(*json.loads(process.stdout.readline()))
        except (OSError, ValueError):  # the process has died: there is no line, or half of one
            self._process = None
            code = _end(process)
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Result(task.number, {}, f"its process died ({why})", 0.0)

    def _start(self) -> "subprocess.Popen[str]":
        process = self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
            encoding="utf-8",
        )
        with suppress(OSError):  # it has died; the first task will say so
            _say(process, (type(self._base).__module__, self._base))
        if self._is_stopped:  # `stop` may have come before the process was known
            process.kill()
        return process

    def stop(self) -> None:
        """Take no more tasks, and kill the process."""
        self._is_stopped = True
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            _end(process)

    def join(self) -> None:
        """Wait a while for the thread to see the end of the process."""
        self._thread.join(_DYING_SECONDS)


def _say(process: "subprocess.Popen[str]", what: tuple[Any, ...]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(what) + "\n")
    process.stdin.flush()


def _end(process: "subprocess.Popen[str]") -> int:
    """Wait for a process to end, close its pipes, and return its exit code."""
    try:
        code = process.wait(_DYING_SECONDS)
    except subprocess.TimeoutExpired:  # it lives: what it has printed was no result
        process.kill()
        code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what the process has not read cannot be written any more
                pipe.close()
    return code


def results_of(base: tuple[Any, ...], tasks: list[Task], n: int) -> Generator[Result, None, None]:
    """Results of tasks as they come from n processes; a process that dies fails only its run.

    Raises
    ------
    DeviceError
        Processes die, and none comes to a result.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    out: queue.SimpleQueue[Any] = queue.SimpleQueue()
    workers = [_Worker(base, waiting, out) for _ in range(min(n, len(tasks)))]
    at_work, deaths, works = len(workers), 0, False
    try:
        while at_work:
            found = out.get()
            if found is None:
                at_work -= 1
                continue
            if isinstance(found, BaseException):
                raise found
            died = found.problem is not None and found.problem.startswith("its process died")
            deaths, works = deaths + died, works or not died
            if deaths >= _DEATHS and not works:
                raise DeviceError(f"workers: {found.problem} before any run was done, thrice")
            yield found
    finally:
        while True:  # empty the queue, so that no thread takes another task
            try:
                waiting.get_nowait()
            except queue.Empty:
                break
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
