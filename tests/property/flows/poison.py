"""What nobody should append: entries that are no command, and commands in a form that no rules know."""

import orjson

from exchange.commands.codec import FIELD, MAX_COMMAND_BYTES, encode
from exchange.commands.types import Cancel, Command, Place
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.instructions import Instructions
from exchange.terms.words import FIRST_USER
from tests.property.flows.choosing import Choice


def poison(choice: Choice) -> bytes | list[bytes]:
    """The value of an entry's field, or all its fields."""
    one = choice.one
    good = Place(FIRST_USER, "AA-QQ", "buy", "limit", "gtc", 5, 1, 0, "")
    spend = Place(FIRST_USER, "AA-QQ", "buy", "market", "ioc", 0, 0, 5, "")
    take = Place(FIRST_USER, "AA-QQ", "sell", "market", "ioc", 0, 1, 0, "")
    stop = Place(FIRST_USER, "AA-QQ", "sell", "stop_loss", "ioc", 0, 1, 0, "", Instructions(5))
    body = encode(good)
    entries: list[bytes | list[bytes]] = [
        b"",
        b"null",
        b"[]",
        b'"place"',
        b'{"v":1',
        b"\xff\xfe",
        b"x" * (MAX_COMMAND_BYTES + 1),
        b"[" * 5000,
        body[: choice.dice.randint(0, len(body) - 1)],
        body.replace(b"}", b',"side":"sell"}'),
        _with(good, "v", one((0, 2, True, 1.0, "1", None))),
        _with(good, "type", one(("", "take", 5, None, "Place"))),
        _with(good, "extra", 1),
        _with(good, "\n", 1),
        encode(Place(FIRST_USER, "AA-QQ", "buy", "limit", "gtc", 0, 1, 0, "")),
        b'{"v":1,"type":"amend","account":100,"order":1}',
        _with(good, "account", one((True, -1, 1.5, "100", None, MAX_COUNT + 1))),
        _with(good, "price", one((5, 5.0, "-5", "5.0", "1e3", "05", " 5", "\u0665", "", "1" * 31, None))),
        _with(good, "quantity", one((1, "NaN", "-1", "+1", "1_0", [], {}))),
        _with(good, "client_id", one(("", "x" * 37, 'a"b', "\u00fc", "a\n", 7))),
        _with(good, "tif", one(("fok", "gtd", "day", 1))),
        _with(good, "post_only", one(("refuse", "", True))),
        _with(good, "display", one(("0", "1", 1))),
        _with(good, "stop_price", "5"),
        _with(good, "stp", one(("decrement", "", None))),
        _with(spend, "quote_amount", "0"),
        _with(take, "quote_amount", "5"),
        _with(take, "tif", "gtc"),
        _with(take, "slippage_bps", one((0, 10_000, "5"))),
        _with(stop, "trailing_bps", one((0, 10_000, True))),
        _with(stop, "stop_price", "0"),
        _with(Cancel(FIRST_USER, 1, ""), "client_id", "a"),
        b'{"v":1,"type":"tick","now":1}',
        b'{"v":1,"type":"batch","account":100,"items":[]}',
        b'{"v":1,"type":"place_list","account":100,"market":"AA-QQ","kind":"oco","legs":[]}',
        [FIELD],
        [],
        [b"d", body],
        [FIELD, body, FIELD, body],
    ]
    return one(entries)


def _with(command: Command, name: str, value: object) -> bytes:
    body = orjson.loads(encode(command))
    body[name] = value
    return orjson.dumps(body)
