"""The kinds of processes that the supervisor keeps: the command of each, and what it is let in to.

A child is started with exactly the supervisor's settings and with no credentials but its own: the password of the one
stream user it logs in as, and the database's address only where it reads or writes there.
"""

import os
from dataclasses import fields, replace
from typing import NamedTuple

from exchange.settings import Settings, variable

DOORS = "api"
"""Gateways are named `api-1`, `api-2`…"""


class Kind(NamedTuple):
    """A kind of process: the words of its command, and what it is let in to."""

    words: tuple[str, ...]
    user: str = ""
    """The stream server's user that it logs in as (`effects.redis.users`)."""
    database: bool = False


ENGINE = Kind(("engine",), "engine")
STANDBY = Kind(("standby",), "engine")
PROJECTOR = Kind(("project", "timescale"), "projector", database=True)
JOURNAL = Kind(("project", "journal"), "journal", database=True)
GATEWAY = Kind((DOORS,), "gateway", database=True)
MARKET_MAKER = Kind(("market-maker",))
MIGRATION = Kind(("migrate",), database=True)


def environment(settings: Settings, kind: Kind) -> dict[str, str]:
    """What a child is started with: exactly these settings, whatever this process was started with, and no credentials
    but its own."""
    settings = replace(
        settings,
        redis_url=settings.redis_for(kind.user) if kind.user else "",
        database_url=settings.database_url if kind.database else "",
    )
    values = {variable(field.name): getattr(settings, field.name) for field in fields(settings)}
    texts = {
        name: ("yes" if value else "no") if isinstance(value, bool) else str(value) for name, value in values.items()
    }
    return dict(os.environ) | texts


def numbered(name: str, count: int) -> list[str]:
    """Names for so many of a kind: the plain name for a single one."""
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
