"""What all sub-commands of `exchange audit` share: where the log is read from, and how an answer leaves.

0   verified
1   a difference was found; it is named
2   it could not be run
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from exchange.audit.findings import COULD_NOT_RUN, DIFFERENT, VERIFIED, CannotAudit, Found
from exchange.audit.signing import NotGenuine, Signer, is_key
from exchange.audit.verifying import Sources
from exchange.audit.walking import translated
from exchange.cli._history import AUTO, JOURNAL, STREAMS, archived
from exchange.effects.files import FileSnapshotStore
from exchange.effects.key_files import KeyUnusable
from exchange.effects.ports import EffectError
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.journal.stores import Both, SegmentSource
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.roles.stops import MustStop
from exchange.settings import Settings, SettingsError

Json = dict[str, object]


@dataclass
class Answer:
    """What a sub-command has to say: for machines, and for people."""

    report: Json
    lines: list[str] = field(default_factory=list)


Act = Callable[[argparse.Namespace, Settings], Awaitable[Answer]]


def carry_out(act: Act, args: argparse.Namespace, settings: Settings) -> int:
    """Do it, print what came of it, and give the exit code."""
    try:
        with translated():
            answer = asyncio.run(_bounded(act, args, settings))
    except Found as found:
        return _say(args, DIFFERENT, Answer({"verified": False, "difference": found.difference.json()}), str(found))
    except (CannotAudit, EffectError, MustStop, SettingsError, KeyUnusable, NotGenuine, OSError) as error:
        return _say(args, COULD_NOT_RUN, Answer({"verified": False, "error": str(error)}), str(error))
    except (DatabaseUnavailable, DatabaseRefused) as error:
        return _say(args, COULD_NOT_RUN, Answer({"verified": False, "error": str(error)}), str(error))
    return _say(args, VERIFIED, answer, "")


async def _bounded(act: Act, args: argparse.Namespace, settings: Settings) -> Answer:
    return await act(args, settings)


def _say(args: argparse.Namespace, code: int, answer: Answer, trouble: str) -> int:
    if args.json:
        print(orjson.dumps(answer.report, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in answer.lines:
            print(line)
    if trouble:
        kind = "difference: " if code == DIFFERENT else ""
        print(f"exchange audit {args.what}: {kind}{trouble}", file=sys.stderr)
    return code


@asynccontextmanager
async def sources(settings: Settings, source: str = AUTO) -> AsyncIterator[Sources]:
    """Every place that a source names, each by itself and all as one history.

    Raises:
        SettingsError: they name none.
    """
    archives = _archives(settings, source)
    streams: AsyncRedisLog | None = None
    if source in {AUTO, STREAMS} and settings.redis_url:
        url = settings.redis_for("operator")
        streams = AsyncRedisLog(url, settings.commands_key, settings.events_key, clock_key=settings.clock_key)
    if not archives and streams is None:
        raise SettingsError(
            "no log is known: set REDIS_URL or DATABASE_URL, name a folder of segments, or start `exchange up` in this "
            "EXCHANGE_HOME"
        )
    try:
        if archives:
            yield Sources(History(archives[0], streams), streams, archives, FileSnapshotStore(settings.snapshots))
        elif streams is not None:
            yield Sources(streams, streams, (), FileSnapshotStore(settings.snapshots))
    finally:
        for archive in archives:
            await archive.close()
        if streams is not None:
            await streams.aclose()


def _archives(settings: Settings, source: str) -> list[SegmentSource]:
    """The journal to walk through first, and what else there is of it."""
    if source == STREAMS:
        return []
    if source not in {AUTO, JOURNAL}:
        if not Path(source).is_dir():
            raise SettingsError(f"{source!r} is neither auto, streams, journal nor a folder of segments")
        return [FileSegments(Path(source))]
    found = archived(settings)
    if found is None:
        return []
    return [found, FileSegments(Path(settings.journal_folder))] if isinstance(found, Both) else [found]


def public_key(settings: Settings, given: str | None) -> str:
    """The key that documents must be signed with: the one that was given, else this home's own.

    Raises:
        CannotAudit: there is none, or what was given is no key.
    """
    if given is not None:
        if not is_key(given):
            raise CannotAudit(f"not a public key (64 hex digits): {given!r}")
        return given
    path: Final = settings.keys_dir / "checkpoint.key"
    if not path.exists():
        raise CannotAudit("this home has no signing key: name the public key of the signer with --key")
    return Signer.of(settings.keys_dir).public
