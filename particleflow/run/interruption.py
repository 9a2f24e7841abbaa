"""Signals that ask a run to stop: the first one waits until the run stands between two steps."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """A context in which a first SIGINT or SIGTERM is only noted; a second one acts at once.

    A signal acts by the handler that it had before the context. Outside the main thread, where
    Python serves no signals, the context changes nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._noted: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                before = signal.getsignal(number)
                # None is a handler that C code has set: Python could not put it back
                if before is not None and before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if kind is None and self._noted is not None:
            self.act(self._noted)

    @property
    def noted(self) -> int:
        """Number of the signal that waits, 0 if none does."""
        return self._noted or 0

    def act(self, number: int) -> None:
        """Let a signal that waits, here or on another rank, do what it did before the context."""
        self._noted = None
        self._act(number, None)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._noted is not None:
            self._act(number, frame)
        self._noted = number

    def _act(self, number: int, frame: FrameType | None) -> None:
        before = self._before.get(number, signal.SIG_DFL)
        if callable(before):
            before(number, frame)
        else:  # SIG_DFL, which Python cannot call: the signal is sent once more
            signal.signal(number, before)
            os.kill(os.getpid(), number)
