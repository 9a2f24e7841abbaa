"""The thread that carries recorded data to the disk while the simulation goes on."""

import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from particleflow.backend import Frame
from particleflow.errors import WriteError

from . import disk

_QUEUE_LENGTH = 256
_BATCH = 64


@dataclass
class Batch:
    """Data of one moment, what progress shall say afterwards, and the buffer to give back."""

    writes: list[tuple[str, Any, Any]]
    frames: int
    observed: int
    buffer: Frame | None = None
    free: "queue.SimpleQueue[Frame] | None" = None


class WriterThread:
    """Writes batches in order: data, flush, progress, flush.

    Calls no parallel kernel, but waits for frames that are on their way from a device. h5py
    releases the GIL while it writes, so that the simulation goes on meanwhile. The first error is
    kept and raised in the run.

    Parameters
    ----------
    file : h5py.File
    path : Path
    counts : bool
        Whether progress is written with each batch; else only when `acknowledge` says so, and not
        at all in a part.

    Attributes
    ----------
    done : tuple of int
        Frames and observable times that the last batch on the disk has brought.
    """

    def __init__(
        self, file: h5py.File, path: Path, counts: bool = True, done: tuple[int, int] = (0, 0)
    ) -> None:
        self._file, self._path = file, path
        self._progress = file["parameters/progress"] if counts else None
        self.done = self._last = done
        self._datasets: dict[str, h5py.Dataset] = {}
        self._queue: queue.Queue[Batch | threading.Event | None] = queue.Queue(_QUEUE_LENGTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="particleflow-writer", daemon=True)
        self._thread.start()

    def put(self, item: Batch | threading.Event) -> None:
        """Have a batch written, or an event set when all before it is written."""
        if isinstance(item, Batch):
            self._last = item.frames, item.observed
        while True:
            self.check()
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue

    def acknowledge(self, frames: int, observed: int) -> None:
        """Have progress say so."""
        self.put(Batch([("parameters/progress", ..., (frames, observed))], *self._last))

    def drain(self) -> None:
        """Return when everything is written and counted."""
        done = threading.Event()
        self.put(done)
        while not done.wait(0.1):
            self.check()
        self.check()

    def check(self) -> None:
        if self._error is not None:
            why = disk.reason(self._error)
            raise WriteError(f"{self._path}: cannot be written: {why}") from None

    def finish(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            self.check()

    def _work(self) -> None:
        last = False
        while not last:
            items = [self._queue.get()]
            while len(items) < _BATCH and not self._queue.empty():
                items.append(self._queue.get())
            last = items[-1] is None
            if self._error is None:
                try:
                    self._write([item for item in items if isinstance(item, Batch)])
                except BaseException as problem:
                    self._error = problem
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, batches: list[Batch]) -> None:
        if not batches:
            return
        for batch in batches:
            if batch.buffer is not None:
                batch.buffer.wait()
            for name, index, value in batch.writes:
                if name not in self._datasets:
                    self._datasets[name] = self._file[name]
                self._datasets[name][index] = value
            if batch.buffer is not None and batch.free is not None:
                batch.free.put(batch.buffer)
        self._file.flush()
        self.done = batches[-1].frames, batches[-1].observed
        if self._progress is not None:
            self._progress[:] = self.done
            self._file.flush()
