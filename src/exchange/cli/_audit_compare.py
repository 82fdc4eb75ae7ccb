"""`exchange audit diff` and `exchange audit projection`."""

import argparse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from exchange.audit import diffing, projected, served, snapped
from exchange.audit.findings import CannotAudit, Found
from exchange.audit.served import Shown
from exchange.cli._audit import Answer, Json, sources
from exchange.effects.ports import Log
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.history import History
from exchange.settings import Settings
from exchange.terms.stream import format_id, parse_id

Add = Callable[..., argparse.ArgumentParser]

_POSITION: Final = "X-Exchange-Position"
_SECONDS: Final = 30


def configure(add: Add) -> None:
    """Add the two."""
    one = add("diff", "say where two logs part", _diff, source=False)
    for name in ("first", "second"):
        one.add_argument(
            name,
            metavar=name.upper(),
            help="redis://HOST:PORT/0#PREFIX, postgresql://…, a folder of segments, or auto, streams, journal",
        )
    one = add("projection", "make a projection again and compare it with the live one", _projection)
    one.add_argument("name", choices=("timescale", "live", "snapshots"))
    one.add_argument("--url", metavar="URL", help="of live: the gateway's address (this home's)")


async def _diff(args: argparse.Namespace, settings: Settings) -> Answer:
    async with _named(args.first, settings) as one, _named(args.second, settings) as other:
        found = await diffing.compare(one, other)
    if found.at is not None:
        after = f"after {found.common:,} common entries"
        raise Found(f"{args.second} against {args.first}, {after}", format_id(found.at), found.one, found.other)
    report: Json = {
        "verified": True,
        "relation": found.relation,
        "common": found.common,
        "from": format_id(found.first),
    }
    lines = [
        f"from        {format_id(found.first)}",
        f"common      {found.common:,} entries, the last {format_id(found.last)}",
        f"relation    {found.relation}",
    ]
    return Answer({**report, "last": format_id(found.last)}, lines)


@asynccontextmanager
async def _named(name: str, settings: Settings) -> AsyncIterator[Log]:
    if name.startswith(("postgresql://", "postgres://")):
        segments = DatabaseSegments(name)
        try:
            yield History(segments, None)
        finally:
            await segments.close()
    elif "://" in name:
        url, _, prefix = name.partition("#")
        prefix = prefix or settings.streams
        try:
            log = AsyncRedisLog(url, f"{prefix}:commands", f"{prefix}:events")
        except ValueError as error:
            raise CannotAudit(f"not the address of a stream server: {url!r} ({error})") from error
        try:
            yield log
        finally:
            await log.aclose()
    else:
        async with sources(settings, name) as found:
            yield found.history


async def _projection(args: argparse.Namespace, settings: Settings) -> Answer:
    async with sources(settings, args.source) as found:
        if args.name == "timescale":
            return await _timescale(found.history, settings)
        if args.name == "snapshots":
            held = await snapped.compare(found.history, found.snapshots)
            report: Json = {"verified": True, "snapshots": {one.name: one.hash for one in held}}
            how = {True: "as computed", False: "whole; the others were computed from it"}
            return Answer(report, [f"verified    {one.name}: state {one.hash}, {how[one.computed]}" for one in held])
        return await _live(found.history, args.url or f"http://{settings.host}:{settings.port}")


async def _timescale(log: Log, settings: Settings) -> Answer:
    if not settings.database_url:
        raise CannotAudit("no database is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME")
    done = await projected.compare(log, settings.database_url)
    at = format_id(done.position.id)
    lines = [f"position    {at}", *[f"{name:<18}{rows:>12,} rows, the same" for name, rows in done.rows.items()]]
    lines.append(f"verified    {sum(done.rows.values()):,} rows")
    return Answer({"verified": True, "position": at, "rows": done.rows}, lines)


async def _live(log: Log, url: str) -> Answer:
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:

            async def ask(path: str, query: dict[str, str]) -> Shown:
                async with session.get(f"{url.rstrip('/')}/api/v1/{path}", params=query) as response:
                    position = response.headers.get(_POSITION)
                    if response.status != 200 or position is None:
                        raise CannotAudit(f"{url} does not answer {path} as a gateway does: status {response.status}")
                    return Shown(path, query, parse_id(position), await response.json())

            shown = await served.ask_all(ask)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CannotAudit(f"the gateway at {url} cannot be asked: {error!r}") from error
    count = await served.compare(log, shown)
    positions = sorted({one.position for one in shown})
    lines = [f"positions   {', '.join(format_id(one) for one in positions)}", f"verified    {count} answers of {url}"]
    return Answer({"verified": True, "answers": count, "positions": [format_id(one) for one in positions]}, lines)
