"""Signals as something to wait for, instead of something that happens in between.

The handlers do nothing; Python writes each signal's number into a pipe, and `pause` reads it. So there is one place
where a signal takes effect, and a child's end (SIGCHLD) wakes the same wait.
"""

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(Exception):
    """Somebody asked for the end."""


class Signals:
    """Counts the requests to stop; a second one means hurry."""

    def __init__(self, reader: int) -> None:
        self._reader = reader
        self.stops = 0

    def pause(self, seconds: float) -> None:
        """Wait so long at most; shorter when a child ended.

        Raises:
            Stop: a request to stop has come, now or before.
        """
        self.wait(seconds)
        if self.stops:
            raise Stop

    def wait(self, seconds: float) -> None:
        """Wait so long at most; shorter when a signal came."""
        if select.select([self._reader], [], [], max(0.0, seconds))[0]:
            for number in os.read(self._reader, 512):
                self.stops += number in STOPS


@contextlib.contextmanager
def watched() -> Iterator[Signals]:
    """Watch signals while the block runs; for the main thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _note) for number in (*STOPS, signal.SIGCHLD)}
    try:
        yield Signals(reader)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_fd)
        os.close(reader)
        os.close(writer)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Python has written the number into the pipe already."""
