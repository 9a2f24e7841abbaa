"""The thread that writes recorded data to a file while the simulation goes on."""

import queue
import threading
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from particleflow.backend import Frame
from particleflow.errors import WriteError
from particleflow.files import disk

_QUEUE_LENGTH = 256
"""Batches that may wait for the thread; with more of them the simulation waits."""
_BATCH = 64
"""Batches between two flushes, at most."""


class Rows(NamedTuple):
    """Consecutive rows of a dataset, from the index ``first`` on."""

    first: int
    values: list[Any]


class Batch:
    """Recorded rows on their way to the file, and the counts that are true once they are in it.

    Rows of one dataset are written at once: HDF5 takes as long for one number as for thousands.

    Parameters
    ----------
    frames, observed : int
        Frames and observable times that the file holds with these rows.

    Attributes
    ----------
    rows : dict of str to Rows
        Rows to write, by the name of their dataset.
    buffers : list of (Frame, SimpleQueue)
        Frames whose memory the rows show, and the queue that each returns to when it is written.
    bytes : int
        Size of the rows that were added.
    """

    def __init__(self, frames: int = 0, observed: int = 0) -> None:
        self.frames, self.observed = frames, observed
        self.rows: dict[str, Rows] = {}
        self.buffers: list[tuple[Frame, queue.SimpleQueue[Frame]]] = []
        self.bytes = 0

    def add(self, name: str, index: int, value: Any) -> None:
        """Add a row of a dataset; each is to follow the row that was added before it."""
        held = self.rows.get(name)
        if held is None:
            self.rows[name] = Rows(index, [value])
        else:
            held.values.append(value)
        self.bytes += getattr(value, "nbytes", 8)

    def replace(self, name: str, values: Any) -> None:
        """Have the whole of a small dataset overwritten."""
        self.rows[name] = Rows(0, list(values))


class WriterThread:
    """Writes batches in order: data, flush, progress, flush.

    The thread calls no parallel kernel, but waits for frames that are on their way from a device.
    h5py releases the GIL while it writes, so that the simulation goes on meanwhile. The first error
    is kept, and raised by the next method that the run calls.

    Parameters
    ----------
    file : h5py.File
    path : Path
    counts : bool
        Whether progress is written after each batch. Otherwise it is written only when
        `acknowledge` says so, and in a part, which has no progress, not at all.
    done : tuple of int
        Frames and observable times that the file holds already.

    Attributes
    ----------
    done : tuple of int
        Frames and observable times that the file holds with the last batch that was flushed.
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
        """Have a batch written, or an event set when all that was put before it is written."""
        if isinstance(item, Batch):
            self._last = item.frames, item.observed
        while True:
            self.check()
            # not for ever: an error of the thread is to end the run
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue

    def acknowledge(self, frames: int, observed: int) -> None:
        """Have so many frames and observable times written into the trajectory's progress."""
        self.replace("parameters/progress", (frames, observed))

    def replace(self, name: str, values: Any) -> None:
        """Have a small dataset overwritten, after all that was put before."""
        batch = Batch(*self._last)  # `done` stays: such a batch brings no frames
        batch.replace(name, values)
        self.put(batch)

    def drain(self) -> None:
        """Return when all that was put is written and counted in `done`."""
        done = threading.Event()
        self.put(done)
        while not done.wait(0.1):
            self.check()
        self.check()

    def check(self) -> None:
        """Raise the first error that the thread has met, as a WriteError."""
        if self._error is not None:
            why = disk.reason(self._error)
            raise WriteError(f"{self._path}: cannot be written: {why}") from None

    def finish(self) -> None:
        """Write all that was put, and end the thread."""
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
            # after an error batches are dropped, but still taken: nobody is to wait for ever
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
            for buffer, _ in batch.buffers:
                buffer.wait()
            for name, rows in batch.rows.items():
                if name not in self._datasets:
                    self._datasets[name] = self._file[name]
                values = rows.values[0][None] if _is_large(rows) else np.array(rows.values)
                self._datasets[name][rows.first : rows.first + len(rows.values)] = values
            for buffer, free in batch.buffers:
                free.put(buffer)
        # data first: a kill at any moment leaves a progress that counts nothing but whole data
        self._file.flush()
        self.done = batches[-1].frames, batches[-1].observed
        if self._progress is not None:
            self._progress[:] = self.done
            self._file.flush()


def _is_large(rows: Rows) -> bool:
    """Whether there is only one row, an array, which can be written without a copy."""
    return len(rows.values) == 1 and isinstance(rows.values[0], np.ndarray)
