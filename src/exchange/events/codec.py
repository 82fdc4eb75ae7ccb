"""An entry's payload and the chain.

A payload is `{"v":1,"events":[…],"postings":[…]}`: the JSON that the events wrote of themselves. The chain is a
running SHA-256 over the hash before, the id, the command's bytes and the payload, so that a published head vouches for
every byte of history on both sides.
"""

from hashlib import sha256
from typing import Any, Final

import orjson

from exchange.events.read import READERS
from exchange.events.types import Outcome, Posting
from exchange.terms.stream import StreamId

VERSION: Final = 1


class UnreadableEvent(Exception):
    """A payload that this version cannot read: of another version, or damaged."""


def encode(outcome: Outcome) -> bytes:
    """Write an outcome as an entry's payload."""
    events = ",".join([event.json() for event in outcome.events])
    postings = ",".join([posting.json() for posting in outcome.postings])
    return f'{{"v":1,"events":[{events}],"postings":[{postings}]}}'.encode()


def chain(before: bytes, id: StreamId, framed_command: bytes, payload: bytes) -> bytes:
    """The chain hash after an entry: SHA-256 of `before`, the id's text, a line feed, the command's framed fields, a
    line feed and the payload (32 bytes)."""
    return sha256(b"%b%d-%d\n%b\n%b" % (before, id[0], id[1], framed_command, payload)).digest()


def decode(payload: bytes) -> Outcome:
    """Read an entry's payload.

    Raises:
        UnreadableEvent: it is not a payload of this version.
    """
    try:
        body: dict[str, Any] = orjson.loads(payload)
        if body["v"] != VERSION:
            raise UnreadableEvent(f"event payload of version {body['v']!r}; this reader knows {VERSION}")
        events = [READERS[event["type"]](event) for event in body["events"]]
        postings = [
            Posting(account, asset, int(available), int(locked))
            for account, asset, available, locked in body["postings"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableEvent(f"event payload cannot be read: {error!r}") from error
    return Outcome(events, postings)
