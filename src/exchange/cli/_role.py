"""What every blocking role's command does around the role: server, signals, exit codes.

0 after SIGTERM or SIGINT, once the batch is finished; 3 with one line on standard error when the role refuses to run,
which restarting does not cure; anything else is a crash, and worth a restart.
"""

import gc
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any

from exchange import compiled, logs
from exchange.effects.ports import EffectError
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles.stops import MustStop
from exchange.settings import Settings


class Stop:
    """Whether the process was asked to stop. A second signal takes the default action."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        return self._asked

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(number, signal.SIG_DFL)


def open_log(settings: Settings, user: str = "operator", role: str = "") -> BlockingRedisLog:
    """The log that the settings name, as this user of the stream server (`effects.redis.users`). A role's connection
    says its name and how far it has come.

    Raises:
        SettingsError: they name none.
    """
    url = settings.redis_for(user)
    return BlockingRedisLog(
        url,
        settings.commands_key,
        settings.events_key,
        name=role,
        replicas=settings.replicas,
        replicas_on_disk=settings.replicas_on_disk,
        clock_key=settings.clock_key,
        fsync=settings.fsync,
    )


def begin(settings: Settings, role: str) -> None:
    """Refuse a stale build, set the logger up, and let the cyclic garbage collector rest.

    The roles leave no cycles behind (a test says so), and with a million open orders one look through all of them is
    half a second in which nobody trades.
    """
    compiled.check()
    gc.disable()
    logs.configure(settings, role)


def serve(role: str, life: Coroutine[Any, Any, None]) -> int:
    """Drive a role to its end; the exit code."""
    try:
        run(life)
    except (MustStop, EffectError) as refusal:
        print(f"exchange {role}: {type(refusal).__name__}: {refusal}", file=sys.stderr, flush=True)
        return compiled.REFUSAL
    return 0
