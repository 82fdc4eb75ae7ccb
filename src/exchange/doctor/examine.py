"""Ask every part, judge, and put it all into one survey. A part that is down never keeps another from being asked."""

import asyncio
import time
from typing import Final

from exchange import __version__, compiled
from exchange.doctor import crash, judge, places
from exchange.doctor import database as tables
from exchange.doctor.streams import Streams
from exchange.doctor.survey import Asked, Survey
from exchange.effects.ports import EffectError
from exchange.effects.redis.log import BlockingRedisLog
from exchange.effects.role_states import RoleState
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.settings import Settings


def examine(settings: Settings, gateway: str, supervised: list[RoleState]) -> Survey:
    """Look at everything.

    Args:
        gateway: the host that this machine reaches the gateway at; empty: it is not asked.
        supervised: what `exchange up` knows of its processes, if it runs here.

    Raises:
        SettingsError: no stream server is known, or its passwords cannot be read.
        ValueError: an address makes no sense.
    """
    survey = Survey(
        version=__version__,
        engine=compiled.status(),
        home=str(settings.home),
        sandbox=settings.sandbox,
        now_ms=time.time_ns() // 1_000_000,
        asked=Asked(
            fsync=settings.fsync,
            replicas=settings.replicas,
            takeover_ms=settings.takeover_ms,
            snapshot_every=settings.snapshot_every,
            journal_seconds=settings.journal_seconds,
            logs=str(settings.logs_dir),
        ),
        expected=_expected(settings, supervised),
        supervised=supervised,
        checkpoint=places.newest_checkpoint(settings),
        disks=places.disks(settings),
    )
    _look_at_database(survey, settings)  # before the log, which is ahead of it then
    streams = Streams(settings)
    log = BlockingRedisLog(settings.redis_for("operator"), settings.commands_key, settings.events_key)
    try:
        _look_at_streams(survey, streams)
        _look_at_snapshots(survey, settings, streams, log)
    finally:
        streams.close()
        log.close()
    if gateway:
        survey.gateway = places.gateway_health(gateway, settings.port)
        survey.halted = places.halted_markets(gateway, settings.port)
    survey.recovery_s = crash.recovery_seconds(survey)
    survey.crash = crash.told(survey)
    survey.concerns = judge.concerns(survey)
    return survey


_KEPT_AS: Final = {
    "engine": "engine",
    "standby": "standby",
    "gateway": "api-",
    "project": "project-timescale",
    "journal": "project-journal",
}
"""How the names begin of what `exchange up` keeps for each role."""


def _expected(settings: Settings, supervised: list[RoleState]) -> dict[str, int]:
    """How many there should be of each role: as many as `exchange up` keeps; where it does not run, as these settings
    ask for."""
    if supervised:
        return {role: sum(one.name.startswith(name) for one in supervised) for role, name in _KEPT_AS.items()}
    return {"engine": 1, "standby": settings.standbys, "gateway": settings.gateways, "project": 1, "journal": 1}


def _look_at_streams(survey: Survey, streams: Streams) -> None:
    try:
        survey.server = streams.look()
    except EffectError as error:
        survey.why["streams"] = str(error)


def _look_at_snapshots(survey: Survey, settings: Settings, streams: Streams, log: BlockingRedisLog) -> None:
    try:
        if survey.server is not None:
            survey.snapshot = places.newest_snapshot(settings, log, streams)
        else:
            survey.snapshot = places.newest_snapshot(settings, None, None)
    except (OSError, EffectError) as error:
        survey.why["snapshots"] = str(error)


def _look_at_database(survey: Survey, settings: Settings) -> None:
    if not settings.database_url:
        survey.why["database"] = "none is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME"
        return
    try:
        survey.database = asyncio.run(tables.look(settings.database_url))
    except (DatabaseUnavailable, DatabaseRefused) as error:
        survey.why["database"] = str(error)
