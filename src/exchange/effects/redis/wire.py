"""What the blocking and the asynchronous log say to a Redis-compatible server, and how they read its answers.

Everything here is pure, so that both logs differ only in how they wait. Requests are packed by hand (RESP2): what is
the same in every entry is written once, and a batch of entries is joined once. Replies are taken as they come off the
wire, undecoded: a client library would fold an entry's fields into a dictionary and so lose duplicate names, and an
entry that anyone may have appended must be seen as it stands.
"""

import re
from binascii import hexlify, unhexlify
from collections.abc import Sequence
from hashlib import sha1
from typing import Final, NamedTuple, cast

from exchange.effects.ports import EffectError, LogFull, LogUnavailable
from exchange.terms.stream import GENESIS_CHAIN, CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

COMPARE_AND_APPEND: Final = """\
local call, key, argv = redis.call, KEYS[1], ARGV
local top = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
if top then
  local fields = top[2]
  if top[1] ~= argv[1] or fields[3] ~= 'h' or fields[4] ~= argv[2] then return 0 end
else
  if argv[1] ~= '0-0' then return 0 end
  if call('EXISTS', key) == 1 then
    local info = call('XINFO', 'STREAM', key)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' and info[i + 1] ~= '0-0' then return 0 end
    end
  end
end
for i = 3, #argv, 3 do
  call('XADD', key, argv[i], 'e', argv[i + 1], 'h', argv[i + 2])
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
_AWAY_IN_WORDS: Final = ("max number of clients", "cannot be used with replica instances")
_LOCKED_OUT: Final = ("NOAUTH", "WRONGPASS", "ERR invalid password", "ERR AUTH", "ERR Client sent AUTH")
_CODE: Final = re.compile(r"\b[A-Z]{3,}\b")

_READ_AT_ONCE: Final = 16 * 1024
"""What a server reads from a connection before it carries out what is in it, and then writes it to the disk."""


class Refusal(Exception):
    """An error reply, word for word."""

    @property
    def unknown_script(self) -> bool:
        """Whether the server does not know the script of this hash (any more)."""
        return str(self).startswith("NOSCRIPT")


class Request(NamedTuple):
    """Bytes to send, and how many replies they get."""

    packed: bytes
    replies: int = 1


Argument = str | bytes | int


def request(*arguments: Argument) -> Request:
    """Any one command."""
    packed = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        text = argument if isinstance(argument, bytes) else str(argument).encode()
        packed.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return Request(b"".join(packed))


def xread(key: str, after: StreamId, count: int, wait_ms: int = 0) -> Request:
    """Read entries above an id, waiting for the first if there is none."""
    block: list[Argument] = ["BLOCK", wait_ms] if wait_ms > 0 else []  # BLOCK 0 would wait for ever
    return request("XREAD", "COUNT", count, *block, "STREAMS", key, format_id(after))


class Appends:
    """Appending commands to one stream; the server gives the ids.

    More than the server reads at once goes as one transaction. It would otherwise carry out, and under `appendfsync
    always` write to the disk, some eighty commands at a time.
    """

    def __init__(self, key: str) -> None:
        self._begin = b"*5\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in (b"XADD", key.encode(), b"*", b"c"))

    def request(self, raws: Sequence[bytes]) -> Request:
        """Append these, in order."""
        begin = self._begin
        packed = b"".join([b"%b$%d\r\n%b\r\n" % (begin, len(raw), raw) for raw in raws])
        if len(packed) <= _READ_AT_ONCE:
            return Request(packed, len(raws))
        return Request(b"*1\r\n$5\r\nMULTI\r\n%b*1\r\n$4\r\nEXEC\r\n" % packed, len(raws) + 2)

    def ids(self, count: int, replies: Sequence[object]) -> list[StreamId | Refusal]:
        """For each of `count` commands its id, or why it was not appended."""
        if len(replies) == count:
            return [reply if isinstance(reply, Refusal) else stream_id(reply) for reply in replies]
        if isinstance(replies[-1], Refusal):
            # The reason stands at the command that was refused, and then none was appended.
            reason = next(reply for reply in replies if isinstance(reply, Refusal))
            return [reason] * count
        done = cast(list[object], replies[-1])
        return [reply if isinstance(reply, Refusal) else stream_id(reply) for reply in done]


def compare_and_append(key: str, built_on: Head, entries: Sequence[EventEntry], by_text: bool = False) -> Request:
    """Publish a batch; by the script's hash, or by its text when the server does not know the hash.

    Raises:
        ValueError: the ids do not rise from `built_on`: the script would stop half-way.
    """
    call = ("EVAL", COMPARE_AND_APPEND) if by_text else ("EVALSHA", _SHA)
    head = request(*call, 1, key, format_id(built_on.id), built_on.chain.hex()).packed
    arguments = 6 + 3 * len(entries)
    packed = [b"*%d\r\n%b" % (arguments, head[head.index(b"\n") + 1 :])]
    last = built_on.id
    for entry in entries:
        id = entry.id
        if id <= last:
            raise ValueError(f"entry {format_id(id)} cannot follow {format_id(last)}")
        last = id
        text = b"%d-%d" % id
        payload = entry.payload
        packed.append(
            b"$%d\r\n%b\r\n$%d\r\n%b\r\n$64\r\n%b\r\n" % (len(text), text, len(payload), payload, hexlify(entry.chain))
        )
    return Request(b"".join(packed))


def stream_id(text: object) -> StreamId:
    """An id as it stands in a reply."""
    ms, _, seq = cast(bytes, text).partition(b"-")
    return int(ms), int(seq)


Raw = list[tuple[bytes, list[bytes]]]
"""Entries as they come: the id's text, and the flat list of fields."""


def read_entries(reply: object) -> Raw:
    """The entries in XREAD's reply for one stream; none when it waited in vain."""
    return cast(list[tuple[bytes, Raw]], reply)[0][1] if reply else []


def command_entries(raw: Raw) -> list[CommandEntry]:
    """Entries of the command stream, whatever their fields."""
    found = []
    ms, begin, cut = 0, b"-", 0
    for text, fields in raw:
        if not text.startswith(begin):  # many share a millisecond: it is read once
            cut = text.index(b"-") + 1
            begin = text[:cut]
            ms = int(text[: cut - 1])
        found.append(CommandEntry((ms, int(text[cut:])), fields))
    return found


def event_entries(raw: Raw) -> list[EventEntry]:
    """Entries of the event stream. What no engine wrote is shown as it stands, and without a chain, so that it equals
    nobody's result."""
    found = []
    ms, begin, cut = 0, b"-", 0
    for text, fields in raw:
        if not text.startswith(begin):
            cut = text.index(b"-") + 1
            begin = text[:cut]
            ms = int(text[: cut - 1])
        chain = b""
        if len(fields) == 4 and fields[0] == b"e" and fields[2] == b"h":
            try:
                if fields[3] == fields[3].lower():  # as engines write it: no byte may change unseen
                    chain = unhexlify(fields[3])
            except ValueError:
                pass
        found.append(EventEntry((ms, int(text[cut:])), fields[1] if chain else b" ".join(fields), chain))
    return found


def first_event(reply: object) -> EventEntry | None:
    """The first entry of XRANGE's or XREVRANGE's reply."""
    entries = event_entries(cast(Raw, reply)[:1])
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


def refused(text: str) -> EffectError:
    """What an error reply, word for word, means to a role."""
    if text.startswith(_LOCKED_OUT):
        return EffectError(f"the stream server refuses the log-in ({text}): check user and password in REDIS_URL")
    codes = set(_CODE.findall(text))
    if codes & _FULL:
        return LogFull(text)
    if codes & _AWAY or any(words in text for words in _AWAY_IN_WORDS):
        return LogUnavailable(text)
    return EffectError(f"the stream server refuses a command ({text})")
