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
    """A file that is open for writing, with its lock and the thread that writes it."""

    def __init__(self, path: Path, position: tuple[int, int], counts: bool) -> None:
        self.path = path
        self.file, self.lock = disk.open_existing(path)
        try:
            self._identity = identity(path)
            if "parameters/progress" in self.file:
                with disk.refusals(path, "written"):
                    # rows that a killed run counted after its checkpoint are recorded once more
                    self.file["parameters/progress"][:] = position
                    self.file.flush()
                    checkpoint.remove_leftovers(path)
            self.thread = WriterThread(self.file, path, counts, position)
        except BaseException:
            self.file.close()
            self.lock.release()
            raise

    def check(self) -> None:
        """Raise an error that the thread has met, or that the file was removed or replaced."""
        self.thread.check()
        self.check_name()

    def check_name(self) -> None:
        """Raise a WriteError if the path does not name this file any more."""
        now = identity(self.path)
        if now != self._identity:
            what = "removed" if now is None else "replaced by another file"
            raise WriteError(f"{self.path}: was {what} during the run")

    def sync(self) -> None:
        """Return when all that was put is written and on the disk."""
        self.thread.drain()
        with disk.refusals(self.path, "written"):
            disk.sync(self.path)

    def close(self) -> None:
        """Write all that was put, and close the file even if that fails."""
        try:
            self.thread.finish()
            self.check_name()
        finally:
            with disk.refusals(self.path, "closed"):
                self.file.close()
            self.lock.release()


class RankFiles:
    """The files of a rank. All methods but `put`, `check` and `note_checkpoint` are collective.

    Of several ranks the first one writes the trajectory, and each that has rows of neurons writes a
    part. A frame is counted in the trajectory's progress once every rank has written its rows.

    Parameters
    ----------
    ranks : Ranks
    main : _Open or None
        The trajectory itself; None where another rank writes it.
    rows : _Open or None
        The part of this rank; None if it has none or if there are no parts.
    """

    def __init__(self, ranks: Ranks, main: _Open | None, rows: _Open | None) -> None:
        self._ranks, self._main, self._rows = ranks, main, rows
        self._open = [o for o in (main, rows) if o is not None]
        self._counted: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, path: Path, parts: Parts | None, ranks: Ranks, position: tuple[int, int]
    ) -> "RankFiles":
        """Open the files of this rank, which hold ``position`` frames and observable times."""
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
        """What a user should know of the locks of this rank's files; empty if all is well."""
        found = [each.lock.problem for each in self._open]
        return [problem for problem in found if problem is not None]

    def put(self, once: Batch, own: Batch) -> None:
        """Have ``once`` written on the first rank only, and ``own`` on each rank.

        ``once`` are rows of the trajectory, ``own`` the neurons of this rank.
        """
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
        """Raise the first error that a thread of this rank has met."""
        for each in self._open:
            each.thread.check()

    def look_after(self, is_due: bool = False, problem: Exception | None = None) -> bool:
        """Check the files of all ranks between two steps, and count what all have written.

        Parameters
        ----------
        is_due : bool
            Whether a checkpoint is due by the clock of this rank.
        problem : Exception, optional
            An error that this rank has met: all ranks raise it.

        Returns
        -------
        bool
            Whether a checkpoint is due by the clock of the first rank, so that all ranks agree.
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
        """Return the identifier of the run, when everything is on the disk."""
        self._together(_Open.sync)
        if self._ranks.size > 1:
            # rows are counted once all ranks have written them; the count has to reach the disk too
            self.look_after()
            self._together(_Open.sync)
        run = "" if self._main is None else self._main.file["parameters"].attrs["run"]
        return self._ranks.first_of(hdf5.string(run))

    def note_checkpoint(self) -> None:
        """Let the trajectory say that there is a checkpoint; not collective."""
        if self._main is not None and CHECKPOINTED in self._main.file:
            self._main.thread.replace(CHECKPOINTED, (1,))

    def _together(self, action: Callable[[_Open], None]) -> None:
        """Do something with every file of this rank; if one rank fails, all do; collective."""

        def act() -> None:
            for each in self._open:
                action(each)

        self._ranks.together(act)

    def _count(self, done: list[tuple[int, int]]) -> None:
        """Write into the trajectory's progress what every rank has written; ``done`` is by file."""
        counted = min(frames for frames, _ in done), min(observed for _, observed in done)
        if self._main is not None and counted != self._counted:
            self._counted = counted
            with suppress(WriteError):  # the next `look_after` raises it on all ranks
                self._main.thread.acknowledge(*counted)

    def close(self) -> None:
        """Wait until everything is written and counted, and close the files."""
        try:
            # all ranks before any count: progress counts the rows that every rank has written
            self._together(lambda each: each.thread.drain())
            self.look_after()
        finally:
            self._ranks.together(self._close)

    def _close(self) -> None:
        """Close all files of this rank, and raise the first error only then."""
        problems = []
        for each in self._open:
            try:
                each.close()
            except Exception as problem:
                problems.append(problem)
        if problems:
            raise problems[0]
