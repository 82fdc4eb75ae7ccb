"""Where a test can have a process killed: `EXCHANGE_FAILPOINT=<name>[:<n>]` kills it, without a last word, when it
reaches the named point for the n-th time. Without the variable a point costs one comparison.

The points: `after_read`, `during_apply`, `after_apply`, `mid_publish`, `after_publish` of the engine; `snapshot_write`,
`before_rename`, `after_rename` of the snapshot store.
"""

import os
import signal

_armed, _, _times = os.environ.get("EXCHANGE_FAILPOINT", "").partition(":")
_passes = iter(range(int(_times or 1) - 1))


def reached(point: str) -> None:
    """Die here, if this is where a test wants it."""
    if point == _armed and next(_passes, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
