"""Work beside a role, in a forked child: it has the memory as it was, and time of its own.

The operating system gives the child every page of the parent's memory as it stands at the fork, and copies only what
one of them changes afterwards. So a role goes on at once, however large its state is, and the child reads a state that
nobody changes. The child tells through a pipe how it ended; who asks never waits.

The child must never do anything in the parent's name: it keeps none of its connections and files, hears signals as
anybody does, runs none of the parent's endings, and dies when the parent does.
"""

import ctypes
import gc
import os
import signal
from collections.abc import Callable
from typing import Final, NoReturn

from exchange.effects.ports import AsideFailed

_NICENESS: Final = 10
"""Whoever trades comes first."""

_PR_SET_PDEATHSIG: Final = 1
_CHUNK: Final = 1 << 16
_GAVE: Final = b"+"
_FAILED: Final = b"-"

_libc = ctypes.CDLL(None, use_errno=True)


class Forked:
    """The `Aside` by `os.fork`, for a process with one thread."""

    def __init__(self) -> None:
        self._child = 0
        self._pipe = -1
        self._told = b""

    def begin(self, work: Callable[[], str]) -> bool:
        """See `Aside.begin`. A machine that has no room for another process is heard of by `ended`."""
        if self._pipe >= 0:
            return False
        reading, writing = os.pipe()
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            os.write(writing, _FAILED + f"no child could be forked: {error}".encode())
            child = 0
        else:
            if child == 0:
                _live(work, writing, parent)
        os.close(writing)
        os.set_blocking(reading, False)
        self._child, self._pipe, self._told = child, reading, b""
        return True

    def ended(self) -> str | None:
        """See `Aside.ended`."""
        if self._pipe < 0:
            return None
        try:
            while chunk := os.read(self._pipe, _CHUNK):
                self._told += chunk
        except BlockingIOError:
            return None
        told, how = self._told, self._reap()
        if told[:1] == _GAVE:
            return told[1:].decode()
        raise AsideFailed(told[1:].decode() or how)

    def close(self) -> None:
        """End what is under way, for good: nobody will ask any more."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
        if self._pipe >= 0:
            self._reap()

    def _reap(self) -> str:
        """Let the child go, which has closed its end of the pipe; how it ended."""
        os.close(self._pipe)
        child, self._child, self._pipe = self._child, 0, -1
        if not child:
            return ""
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return f"the child was killed by signal {-code}" if code < 0 else f"the child ended with code {code}"


def _live(work: Callable[[], str], writing: int, parent: int) -> NoReturn:
    """The child's life."""
    try:
        _part(writing, parent)
        told = _GAVE + work().encode()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends here: above are the parent's frames
        told = _FAILED + f"{type(error).__name__}: {error}".encode()
    try:
        with open(writing, "wb", closefd=False) as pipe:
            pipe.write(told)
    finally:
        os._exit(0)


def _part(writing: int, parent: int) -> None:
    """Keep nothing of the parent's but its memory, its standard streams and the pipe."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()  # a look through all objects would copy all pages, and might close a file that is not ours
    os.closerange(3, writing)
    os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
    os.nice(_NICENESS)
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)
