"""The files that a rank writes during a run: the trajectory itself, a part of it, or both."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from particleflow.errors import WriteError
from particleflow.files import disk, hdf5
from particleflow.files.opening import identity
from particleflow.ranks.world import Ranks

from . import checkpoint
from .parts import Parts
from .schema import CHECKPOINTED
from .writer_thread import Batch, WriterThread


class _Open:
    """A file that is open, the thread that writes it, and what tells it from others."""

    def __init__(self, path: Path, position: tuple[int, int], counts: bool) -> None:
        self.path = path
        self.file, self.lock = disk.open_existing(path)
        try:
            self._identity = identity(path)
            if "parameters/progress" in self.file:
                with disk.refusals(path, "written"):
                    self.file["parameters/progress"][:] = position
                    self.file.flush()
                    checkpoint.remove_leftovers(path)
            self.thread = WriterThread(self.file, path, counts, position)
        except BaseException:
            self.file.close()
            self.lock.release()
            raise

    def check(self) -> None:
        """The thread works, and the file still has its name: nobody has removed or replaced it."""
        self.thread.check()
        self.check_name()

    def check_name(self) -> None:
        now = identity(self.path)
        if now != self._identity:
            what = "removed" if now is None else "replaced by another file"
            raise WriteError(f"{self.path}: was {what} during the run")

    def sync(self) -> None:
        """Return when everything is on the disk."""
        self.thread.drain()
        with disk.refusals(self.path, "written"):
            disk.sync(self.path)

    def close(self) -> None:
        try:
            self.thread.finish()
            self.check_name()
        finally:
            with disk.refusals(self.path, "closed"):
                self.file.close()
            self.lock.release()


class RankFiles:
    """The files of a rank. All methods but `put` and `check` are collective.

    Of several ranks the first one writes the trajectory, and each that has rows a part. A frame is
    counted in the trajectory's progress when every rank has brought its rows to its file.
    """

    def __init__(self, ranks: Ranks, main: _Open | None, rows: _Open | None) -> None:
        self._ranks, self._main, self._rows = ranks, main, rows
        self._open = [o for o in (main, rows) if o is not None]
        self._counted: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, path: Path, parts: Parts | None, ranks: Ranks, position: tuple[int, int]
    ) -> "RankFiles":
        """Open them; ``position``: the frames and observable times that they hold."""
        if parts is None:
            main = _Open(path, position, counts=True)
            return cls(ranks, main, None)
        own = parts.path(ranks.rank) if ranks.rank in parts.ranks else None
        main_one = ranks.together(lambda: _Open(path, position, False) if ranks.is_first else None)
        try:
            rows = ranks.together(lambda: None if own is None else _Open(own, position, False))
        except BaseException:
            if main_one is not None:
                main_one.close()
            raise
        return cls(ranks, main_one, rows)

    @property
    def notes(self) -> list[str]:
        """The problem that this rank has with its files, if there is one."""
        found = [each.lock.problem for each in self._open]
        return [problem for problem in found if problem is not None]

    def put(self, once: Batch, own: Batch) -> None:
        """Write what is written once, and what is this rank's own."""
        if self._main is not None and self._ranks.size == 1:
            once.rows.update(own.rows)
            once.buffers += own.buffers
            self._main.thread.put(once)
            return
        if self._main is not None:
            self._main.thread.put(once)
        if self._rows is not None:
            self._rows.thread.put(own)
        else:
            for buffer, free in own.buffers:
                free.put(buffer)

    def check(self) -> None:
        """Raise what a thread of this rank has met."""
        for each in self._open:
            each.thread.check()

    def look_after(self, is_due: bool = False, problem: Exception | None = None) -> bool:
        """Between steps: all is well, and what all ranks have written is counted.

        ``problem``: what this rank has met, which all are told.

        Returns
        -------
        bool
            What is due on the first rank.
        """
        try:
            for each in self._open:
                each.check()
        except Exception as found:
            problem = problem or found
        done = [each.thread.done for each in self._open]
        every = self._ranks.agree((is_due, done), problem)
        if self._ranks.size > 1:
            self._count([each for _, some in every for each in some])
        return every[0][0]

    def sync(self) -> str:
        """Return when everything is on the disk; the identifier of the run."""
        self._together(_Open.sync)
        if self._ranks.size > 1:
            self.look_after()
            self._together(_Open.sync)
        run = "" if self._main is None else self._main.file["parameters"].attrs["run"]
        return self._ranks.first_of(hdf5.string(run))

    def note_checkpoint(self) -> None:
        """Let the trajectory say that there is a checkpoint; of this rank alone."""
        if self._main is not None and CHECKPOINTED in self._main.file:
            self._main.thread.replace(CHECKPOINTED, (1,))

    def _together(self, action: Callable[[_Open], None]) -> None:
        def act() -> None:
            for each in self._open:
                action(each)

        self._ranks.together(act)

    def _count(self, done: list[tuple[int, int]]) -> None:
        """Let the trajectory count what every rank has written."""
        counted = min(frames for frames, _ in done), min(observed for _, observed in done)
        if self._main is not None and counted != self._counted:
            self._counted = counted
            with suppress(WriteError):  # the next look finds it
                self._main.thread.acknowledge(*counted)

    def close(self) -> None:
        """Wait until everything is written and counted, and close the files."""
        try:
            self._together(lambda each: each.thread.drain())
            self.look_after()
        finally:
            self._ranks.together(self._close)

    def _close(self) -> None:
        problems = []
        for each in self._open:
            try:
                each.close()
            except Exception as problem:
                problems.append(problem)
        if problems:
            raise problems[0]
