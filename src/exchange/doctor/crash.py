"""What a crash now would cost, in plain words and estimated seconds.

What is lost follows from how the server writes (docs/durability.md); how long it takes, from the newest snapshot, the
commands after it, and what was measured on two plain cores.
"""

from typing import Final

from exchange.doctor.survey import StreamServer, Survey
from exchange.terms.stream import parse_id

_START_S: Final = 0.4
"""A process, until it asks the log."""
_SNAPSHOT_BYTES_PER_S: Final = 60_000_000
_REPLAY_PER_S: Final = 140_000
_INTERPRETED: Final = 5
"""So many times slower is the engine that is not compiled."""
_NOTICE_S: Final = 0.05
"""What a standby needs besides the time that it waits."""


def recovery_seconds(survey: Survey) -> float | None:
    """From a crash of the only engine back to trading; None when the log could not be asked."""
    if survey.server is None:
        return None
    snapshot = survey.snapshot
    events = survey.server.events
    slower = 1 if survey.engine == "compiled" else _INTERPRETED
    if snapshot is not None and snapshot.usable:
        loading, commands = snapshot.bytes / _SNAPSHOT_BYTES_PER_S, snapshot.replay
    else:
        loading, commands = 0.0, events.length if events is not None else 0
    return _START_S + loading + slower * commands / _REPLAY_PER_S


def told(survey: Survey) -> list[str]:
    """What is lost and how long it takes, for each way to crash."""
    server = survey.server
    if server is None:
        return [
            "the stream server cannot be asked; what was answered before it went is as durable as EXCHANGE_FSYNC says"
        ]
    lines = [
        f"kill of any process: {_killed(server)}",
        f"power loss: {_power_loss(server)}",
        f"loss of the stream server's disk: {_disk_loss(survey, server)}",
    ]
    if survey.recovery_s is not None:
        engines = f"back to trading about {survey.recovery_s:.1f} s after a crash of the engine"
        if any(presence.role == "standby" for presence in server.roles or []):
            takeover = survey.asked.takeover_ms / 1000 + _NOTICE_S
            engines = (
                f"back to trading in about {takeover:.2f} s by a standby, without one in {survey.recovery_s:.1f} s"
            )
        lines.append(engines)
    return lines


def _killed(server: StreamServer) -> str:
    if server.fsync == "off":
        return "a kill of the stream server loses EVERYTHING, any other nothing"
    return "nothing that was answered"


def _power_loss(server: StreamServer) -> str:
    match server.fsync:
        case "always":
            return "nothing that was answered (fsync always)"
        case "everysec":
            return "up to the last second, answered commands included (fsync everysec)"
        case "no":
            return "up to the last half minute, answered commands included (fsync no: set it to always)"
        case "off":
            return "EVERYTHING (there is no append-only file)"
        case _:
            return "unknown: this user may not ask how the server writes"


def _disk_loss(survey: Survey, server: StreamServer) -> str:
    if survey.asked.replicas:
        return f"what fewer than {survey.asked.replicas} replicas have; nobody was shown any of that"
    database = survey.database
    if database is None or not database.journal:
        return "EVERYTHING: nothing is archived, and there are no replicas"
    if server.events is None:
        return f"what came after {database.journal}, where the journal ends"
    seconds = (parse_id(server.events.last)[0] - parse_id(database.journal)[0]) / 1000
    return f"what came after {database.journal}, where the journal ends: the last {max(seconds, 0):,.0f} s of the log"
