"""The one logger set-up: a JSON object per line on standard error, the same shape for every role and library.

`{"at": …, "level": …, "role": …, "pid": …, "event": "what happened", …}`. Code logs through `structlog.get_logger()`
with a short constant event and its facts as named values; what libraries log by the standard `logging` comes out alike.
What is secret must not be given to a logger; as a second line, values under names that say so are masked.
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from exchange.settings import Settings

_SECRET = ("password", "secret", "token", "authorization", "api_key")
_QUIET = {"alembic": logging.WARNING, "asyncio": logging.WARNING, "aiohttp.access": logging.WARNING}
"""Libraries whose ordinary talk would drown the roles' own."""


def configure(settings: Settings, role: str, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to standard error (or `stream`) from the set level on."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _Origin(role),
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dump),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))


class _Origin:
    """Adds who speaks, and puts the fields into the order in which people read them."""

    def __init__(self, role: str) -> None:
        self._role = role

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        first = {"at": event.pop("at"), "level": event.pop("level"), "role": self._role, "pid": os.getpid()}
        return first | {"event": event.pop("event")} | dict(event)


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if any(word in name.lower() for word in _SECRET):
            event[name] = "***"
    return event


def _dump(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
