"""What the stream server says of itself, of the two streams, and of who is connected.

All is asked over one connection, and each question by itself: what this user may not ask stays unknown. The roles are
found by the names of their connections, `exchange/<role>/<pid>/<position>`.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from exchange.doctor.survey import Presence, Stream, StreamServer
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import Link
from exchange.effects.redis.wire import Raw, Refusal, Request
from exchange.settings import Settings
from exchange.terms.stream import StreamId, format_id, parse_id

COUNT_LIMIT: Final = 100_000
"""Entries are counted no further than this."""

_SECONDS: Final = 3.0
_PAGE: Final = 5_000
_SAMPLE: Final = 1_000
_NAME: Final = re.compile(r"exchange/([a-z-]+)/(\d+)/(\d+-\d+)")
_HOST: Final = re.compile(r" addr=(\S+):\d+ ")

_TURNED_AWAY: Final = ("acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key")


class Streams:
    """The stream server of these settings, asked as the operator."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet.

        Raises:
            SettingsError: no server is known, or its passwords cannot be read.
            ValueError: the address makes no sense.
        """
        self._link = Link(Address.of(settings.redis_for("operator")), _SECONDS)
        self._commands_key = settings.commands_key
        self._events_key = settings.events_key
        self._sandbox = settings.sandbox

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()

    def look(self) -> StreamServer:
        """Ask everything.

        Raises:
            LogUnavailable: the server cannot be reached, is loading or stalled.
            EffectError: it refuses the log-in.
        """
        ahead_ms, now_ms = self._clock()
        info = self._info()
        commands, events = self._stream(self._commands_key), self._stream(self._events_key)
        top = cast(Raw, self._ask("XREVRANGE", self._events_key, "+", "-", "COUNT", 1) or [])
        head = wire.stream_id(top[0][0]) if top else parse_id(events.last) if events else (0, 0)
        chain = wire.event_entries(top)[0].chain.hex() if top else ""
        waiting = self._after(self._commands_key, head)
        oldest = cast(Raw, self._ask("XRANGE", self._commands_key, f"({format_id(head)}", "+", "COUNT", 1) or [])
        rate = None if self._sandbox else self._rate(now_ms)
        return StreamServer(
            version=_version(info),
            fsync=self._fsync(info),
            write_error="" if info.get("aof_last_write_status", "ok") == "ok" else "its last write to the disk failed",
            memory=int(info["used_memory"]),
            memory_limit=int(info["maxmemory"]),
            eviction=info["maxmemory_policy"],
            aof_bytes=int(info.get("aof_current_size", 0)),
            replicas=int(info["connected_slaves"]),
            now_ms=now_ms,
            clock_ahead_ms=ahead_ms,
            refused=sum(int(info.get(name, 0)) for name in _TURNED_AWAY),
            uptime_s=int(info["uptime_in_seconds"]),
            commands=commands,
            events=events,
            chain=chain,
            waiting=waiting,
            waiting_ms=max(0, now_ms - wire.stream_id(oldest[0][0])[0]) if oldest and not self._sandbox else 0,
            rate=rate,
            roles=self._roles(head),
            groups=self._groups(),
        )

    def count_after(self, position: StreamId) -> int:
        """How many commands follow a position, counted up to the limit.

        Raises:
            LogUnavailable.
        """
        return self._after(self._commands_key, position)

    def _clock(self) -> tuple[int, int]:
        """How far the server's clock is ahead of this machine's, and its time."""
        before = time.time_ns()
        seconds, micros = cast(list[bytes], self._need("TIME"))
        middle_ms = (before + time.time_ns()) // 2_000_000
        server_ms = int(seconds) * 1000 + int(micros) // 1000
        return server_ms - middle_ms, server_ms

    def _info(self) -> dict[str, str]:
        lines = cast(bytes, self._need("INFO")).decode().splitlines()
        return {name: value for name, _, value in (line.partition(":") for line in lines if ":" in line)}

    def _fsync(self, info: dict[str, str]) -> str | None:
        if info.get("aof_enabled") == "0":
            return "off"
        found = cast("list[bytes] | None", self._ask("CONFIG", "GET", "appendfsync"))
        return found[1].decode() if found else None

    def _stream(self, key: str) -> Stream | None:
        found = cast("list[object] | None", self._ask("XINFO", "STREAM", key))
        if found is None:
            return None
        facts = dict(zip(found[::2], found[1::2], strict=True))
        first = cast("tuple[bytes, object] | None", facts[b"first-entry"])
        size = self._ask("MEMORY", "USAGE", key, "SAMPLES", 10)
        return Stream(
            length=cast(int, facts[b"length"]),
            first=first[0].decode() if first else "",
            last=cast(bytes, facts[b"last-generated-id"]).decode(),
            added=cast("int | None", facts.get(b"entries-added")),
            bytes=size if isinstance(size, int) else None,
        )

    def _after(self, key: str, position: StreamId) -> int:
        """How many entries follow a position."""
        counted = 0
        while counted < COUNT_LIMIT:
            page = cast(Raw, self._ask("XRANGE", key, f"({format_id(position)}", "+", "COUNT", _PAGE) or [])
            counted += len(page)
            if len(page) < _PAGE:
                break
            position = wire.stream_id(page[-1][0])
        return min(counted, COUNT_LIMIT)

    def _rate(self, now_ms: int) -> float:
        """Entries a second over the last thousand, and the time since."""
        latest = cast(Raw, self._ask("XREVRANGE", self._events_key, "+", "-", "COUNT", _SAMPLE) or [])
        if not latest:
            return 0.0
        return len(latest) * 1000 / max(now_ms - wire.stream_id(latest[-1][0])[0], 1000)

    def _roles(self, head: StreamId) -> list[Presence] | None:
        """Every role's process that says so, each once, at the highest of the positions that its connections name."""
        listed = cast("bytes | None", self._ask("CLIENT", "LIST"))
        if listed is None:
            return None
        best: dict[tuple[str, int, str], StreamId] = {}
        for line in listed.decode(errors="replace").splitlines():
            match = _NAME.search(line)
            if match is not None:
                where = _HOST.search(line)  # in containers many processes have the same number
                who = match[1], int(match[2]), where[1] if where else ""
                best[who] = max(best.get(who, (0, 0)), parse_id(match[3]))
        return [
            self._placed(Presence(role, pid, format_id(at)), at, head) for (role, pid, _), at in sorted(best.items())
        ]

    def _placed(self, presence: Presence, position: StreamId, head: StreamId) -> Presence:
        if position == (0, 0):
            return presence  # it has not read yet, or says nothing of it
        if position >= head:
            return replace(presence, behind=0, behind_ms=0)
        return replace(presence, behind=self._after(self._events_key, position), behind_ms=head[0] - position[0])

    def _groups(self) -> dict[str, str]:
        found = cast("list[list[object]] | None", self._ask("XINFO", "GROUPS", self._events_key)) or []
        rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in found]
        return {cast(bytes, row[b"name"]).decode(): cast(bytes, row[b"last-delivered-id"]).decode() for row in rows}

    def _ask(self, *command: wire.Argument) -> object | None:
        """The reply; None when there is nothing, or this user may not ask."""
        reply = self._reply(wire.request(*command))
        if isinstance(reply, Refusal):
            text = str(reply)
            if text.startswith("NOPERM") or "no such key" in text or "unknown" in text.lower():
                return None
            raise wire.refused(text)
        return reply

    def _need(self, *command: wire.Argument) -> object:
        reply = self._reply(wire.request(*command))
        if isinstance(reply, Refusal):
            if str(reply).startswith("LOADING"):
                raise LogUnavailable("it is reading its data from the disk: wait, it answers by itself")
            raise wire.refused(str(reply))
        return reply

    def _reply(self, request: Request) -> object:
        (answer,) = self._link.ask(request)
        replies: Sequence[object] = self._link.wait(answer)
        return replies[0]


def _version(info: dict[str, str]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"
