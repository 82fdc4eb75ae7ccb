"""What the blocking and the asynchronous log say to a Redis-compatible server, and how they read its answers.

Everything here is pure, so that both logs differ only in how they wait. Replies are taken as they come off the wire
(RESP2, undecoded): the client library would fold an entry's fields into a dictionary and so lose duplicate names, and
an entry that anyone may have appended must be seen as it stands.
"""

import re
from collections.abc import Sequence
from hashlib import sha1
from typing import Final, cast

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from exchange.effects.ports import EffectError, LogFull, LogUnavailable
from exchange.terms.stream import GENESIS_CHAIN, CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

Argument = str | bytes | int
Command = list[Argument]

COMPARE_AND_APPEND: Final = """\
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if top then
  local fields = top[2]
  if top[1] ~= ARGV[1] or fields[3] ~= 'h' or fields[4] ~= ARGV[2] then return 0 end
else
  if ARGV[1] ~= '0-0' then return 0 end
  if redis.call('EXISTS', KEYS[1]) == 1 then
    local info = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' and info[i + 1] ~= '0-0' then return 0 end
    end
  end
end
for i = 3, #ARGV, 3 do
  redis.call('XADD', KEYS[1], ARGV[i], 'e', ARGV[i + 1], 'h', ARGV[i + 2])
end
return 1
"""
"""Adds the whole batch if the stream still ends on the given id and chain, else nothing. The first write decides about
memory: Redis refuses it when the limit is reached, and lets a script that has begun to write finish."""

_SHA: Final = sha1(COMPARE_AND_APPEND.encode(), usedforsecurity=False).hexdigest()

_FULL: Final = frozenset(["OOM", "MISCONF"])
_AWAY: Final = frozenset(
    ["BUSY", "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED"]
)
_CODE: Final = re.compile(r"\b[A-Z]{3,}\b")


def xadd(key: str, raw: bytes) -> Command:
    """Append a command; the server gives the id."""
    return ["XADD", key, "*", "c", raw]


def xread(key: str, after: StreamId, count: int, wait_ms: int) -> Command:
    """Read entries above an id, waiting for the first if there is none."""
    block: Command = ["BLOCK", wait_ms] if wait_ms > 0 else []  # BLOCK 0 would wait for ever
    return ["XREAD", "COUNT", count, *block, "STREAMS", key, format_id(after)]


def compare_and_append(key: str, built_on: Head, entries: Sequence[EventEntry], by_text: bool = False) -> Command:
    """Publish a batch; by the script's hash, or by its text when the server does not know the hash.

    Raises:
        ValueError: the ids do not rise from `built_on`: the script would stop half-way.
    """
    command: Command = ["EVAL", COMPARE_AND_APPEND] if by_text else ["EVALSHA", _SHA]
    command += [1, key, format_id(built_on.id), built_on.chain.hex()]
    last = built_on.id
    for entry in entries:
        if entry.id <= last:
            raise ValueError(f"entry {format_id(entry.id)} cannot follow {format_id(last)}")
        last = entry.id
        command += (format_id(last), entry.payload, entry.chain.hex())
    return command


def stream_id(text: object) -> StreamId:
    """An id as it stands in a reply."""
    ms, _, seq = cast(bytes, text).partition(b"-")
    return int(ms), int(seq)


_Raw = list[tuple[bytes, list[bytes]]]


def read_entries(reply: object) -> _Raw:
    """The entries in XREAD's reply for one stream; none when it waited in vain."""
    return cast(list[tuple[bytes, _Raw]], reply)[0][1] if reply else []


def command_entries(raw: _Raw) -> list[CommandEntry]:
    """Entries of the command stream, whatever their fields."""
    return [CommandEntry(stream_id(id), fields) for id, fields in raw]


def event_entries(raw: _Raw) -> list[EventEntry]:
    """Entries of the event stream."""
    return [_event_entry(id, fields) for id, fields in raw]


def _event_entry(id: bytes, fields: list[bytes]) -> EventEntry:
    if len(fields) == 4 and fields[0] == b"e" and fields[2] == b"h":
        try:
            return EventEntry(stream_id(id), fields[1], bytes.fromhex(fields[3].decode()))
        except ValueError:
            pass
    # No engine wrote this. Shown as it stands, and without a chain, so that it equals nobody's result.
    return EventEntry(stream_id(id), b" ".join(fields), b"")


def first_event(reply: object) -> EventEntry | None:
    """The first entry of XRANGE's or XREVRANGE's reply."""
    entries = event_entries(cast(_Raw, reply)[:1])
    return entries[0] if entries else None


def head_of_emptied(reply: object) -> Head:
    """Where a stream without entries ends, from XINFO STREAM's reply: an id without a chain if it was emptied, which
    no machine stands on."""
    info = cast(list[object], reply)
    last = stream_id(info[info.index(b"last-generated-id") + 1])
    return Head(last, GENESIS_CHAIN) if last != (0, 0) else genesis_head()


def info_field(reply: object, name: str) -> str:
    """One field of INFO's reply, empty if it is not there."""
    for line in cast(bytes, reply).decode().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value
    return ""


def failure(error: Exception) -> EffectError:
    """What an error of the client library means to a role."""
    if isinstance(error.__cause__, RedisError):
        return failure(error.__cause__)  # the client library wraps what goes wrong on a unix socket's log-in
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, AuthenticationError):
        return EffectError(f"the stream server refuses the log-in ({text}): check user and password in REDIS_URL")
    if not isinstance(error, ResponseError):
        return LogUnavailable(text)
    codes = {error.status_code, *_CODE.findall(str(error))}
    if codes & _FULL:
        return LogFull(text)
    if codes & _AWAY:
        return LogUnavailable(text)
    return EffectError(f"the stream server refuses a command ({text})")
