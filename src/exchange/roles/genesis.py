"""How a log begins: with `open_log`, which gives it an identity that every snapshot and projection carries.

An exchange must never begin anew because its data is out of sight. So only a log that has no identity, beside a
snapshot store that has no snapshot, is opened. Engines that start together may each append the command: the first one
counts, the engine refuses the others.
"""

import secrets
from collections.abc import Callable

import structlog

from exchange.commands.codec import encode
from exchange.commands.types import RULES, OpenLog
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine

_logger = structlog.get_logger(__name__)

DEDUP_WINDOW_MS = 24 * 3600 * 1000
"""How long a new log remembers a client order id or a transfer's reference, in stream time. Stream time follows the
server's clock: the window has to outlast not only retries but a clock that is set wrong by an hour or two."""

DEDUP_NAMES = 1_000_000
"""How many of the newest are remembered at most. Each costs some 200 bytes."""


def random_log_id() -> str:
    """A new log's identity: 32 random hex digits."""
    return secrets.token_hex(16)


async def open_log(
    log: Log, store: SnapshotStore, machine: Machine, new_log_id: Callable[[], str] = random_log_id
) -> bool:
    """Append `open_log` if the log is a new one: the machine at its head knows no identity, no command waits to give
    it one, and no snapshot says that there was one.

    Returns:
        Whether the command was appended.

    Raises:
        LogUnavailable, LogFull.
    """
    if machine.state.log_id or store.names() or await log.commands(machine.head.id, 1):
        return False
    log_id = new_log_id()
    id = await log.append(encode(OpenLog(log_id, RULES, DEDUP_WINDOW_MS, DEDUP_NAMES)))
    _logger.info("new log opened", log_id=log_id, id=id)
    return True
