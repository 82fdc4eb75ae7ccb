"""Where a test can have a process killed: `EXCHANGE_FAILPOINT=<name>[:<n>]` kills it, without a last word, when it
reaches the named point for the n-th time. Without the variable a point costs one comparison.

The points: `after_read`, `during_apply`, `after_apply`, `mid_publish`, `after_publish` of the engine; `snapshot_write`,
`before_rename`, `after_rename` of the snapshot store; `before_commit`, `after_commit` of the projector;
`before_segment`, `before_segment_rename`, `after_segment_file`, `after_segment`, `before_trim`, `after_trim` of the
journal; `before_pour`, `after_pour` of a restore;
`before_append`, `after_append` of the gateway.
"""

import os
import signal


class _Trap:
    """The one point that kills, and how many passes it lets go first."""

    def __init__(self) -> None:
        self.point = ""
        self.left = 0


_trap = _Trap()


def arm(text: str) -> None:
    """Set the trap; `text` is as in the variable, empty for none."""
    _trap.point, _, times = text.partition(":")
    _trap.left = int(times or 1)


def reached(point: str) -> None:
    """Die here, if this is where a test wants it."""
    if point == _trap.point:
        _trap.left -= 1
        if _trap.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("EXCHANGE_FAILPOINT", ""))
