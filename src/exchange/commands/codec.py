"""The bytes of a command entry.

An entry has one field, `c`, whose value is a JSON object: `{"v":1,"type":"place","account":100,…}`. Field names are
those of the classes in `types`; amounts are strings of digits, identifiers and rates are numbers, and optional fields
are left out. Reading is strict (a field too many is as wrong as one too few) because two readers that differ in what
they overlook differ in their state. The one looseness is JSON's own: of duplicate keys the last counts.

What a command must look like depends on the rules that hold (`codec_1` for version 1); how it is written does not. From
version 3 on an administrative command may have `by`, which is taken off it before the rest is read.
"""

from collections.abc import Callable
from typing import Final

import orjson

from exchange.commands import codec_1, fields, read_orders, read_setup
from exchange.commands.fields import Object
from exchange.commands.types import RULES, Administrative, Command
from exchange.commands.write import encode
from exchange.terms.codes import Code, Refused

__all__ = ["FIELD", "MAX_COMMAND_BYTES", "decode", "encode", "frame"]

FIELD: Final = b"c"
MAX_COMMAND_BYTES: Final = 16 * 1024

_loads: Final = orjson.loads


def frame(fields: list[bytes]) -> bytes:
    """The bytes of an entry's fields as the chain hash covers them: each as a netstring, `length:bytes,`."""
    if len(fields) == 2 and fields[0] == FIELD:
        return b"1:c,%d:%b," % (len(fields[1]), fields[1])
    return b"".join([b"%d:%b," % (len(field), field) for field in fields])


def decode(entry: list[bytes], rules: int = RULES) -> Command:
    """Read an entry's fields as a command under a version of the rules; 0 is that of a log that is not open yet.

    Raises:
        Refused: the entry is not a command of a known version and type with fields of the right form.
    """
    if len(entry) != 2 or entry[0] != FIELD:
        raise Refused(Code.MALFORMED)
    raw = entry[1]
    if len(raw) > MAX_COMMAND_BYTES:
        raise Refused(Code.TOO_LARGE)
    try:
        decoded: object = _loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise Refused(Code.MALFORMED) from None
    if not isinstance(decoded, dict):
        raise Refused(Code.MALFORMED)
    body: Object = decoded
    version = body.get("v")
    if not isinstance(version, int) or isinstance(version, bool) or version != 1:
        raise Refused(Code.UNKNOWN_VERSION, "v")
    kind = body.get("type")
    if not isinstance(kind, str):
        raise Refused(Code.UNKNOWN_TYPE, "type")
    if rules >= 2:
        if kind == "place":
            return read_orders.place(body)
        if kind == "cancel":
            return read_orders.cancel(body)
        if kind == "amend":
            return read_orders.amend(body)
        reader = (_READERS if rules >= 3 else _READERS_2).get(kind)
    else:
        reader = _READERS_1.get(kind)
    if reader is None:
        raise Refused(Code.UNKNOWN_TYPE, "type")
    if rules >= 3 and "by" in body and kind in _ADMINISTRATIVE:
        by = fields.by(body)
        del body["by"]
        command = reader(body)
        if isinstance(command, Administrative):
            command.by = by
        return command
    return reader(body)


_READERS_1: Final[dict[str, Callable[[Object], Command]]] = {
    "place": codec_1.place,
    "cancel": read_orders.cancel,
    "amend": read_orders.amend,
    "deposit": read_setup.deposit,
    "withdraw": read_setup.withdraw,
    "settle_withdrawal": read_setup.settle_withdrawal,
    "release_withdrawal": read_setup.release_withdrawal,
    "open_account": read_setup.open_account,
    "set_market_status": codec_1.set_market_status,
    "set_market_fees": codec_1.set_market_fees,
    "create_market": codec_1.create_market,
    "create_asset": read_setup.create_asset,
    "open_log": read_setup.open_log,
    "set_rules": read_setup.set_rules,
}
"""What version 1 reads, and the command that ends it."""

_READERS_2: Final[dict[str, Callable[[Object], Command]]] = {
    **_READERS_1,
    "place": read_orders.place,
    "place_list": read_orders.place_list,
    "cancel_list": read_orders.cancel_list,
    "cancel_replace": read_orders.cancel_replace,
    "cancel_all": read_orders.cancel_all,
    "batch": read_orders.batch,
    "set_market_status": read_setup.set_market_status,
    "set_market_fees": read_setup.set_market_fees,
    "set_market_limits": read_setup.set_market_limits,
    "set_fee_tiers": read_setup.set_fee_tiers,
    "set_account_status": read_setup.set_account_status,
    "set_stp": read_setup.set_stp,
    "set_trade_group": read_setup.set_trade_group,
    "set_switch": read_setup.set_switch,
    "create_market": read_setup.create_market,
    "uncross": read_setup.uncross,
    "tick": read_setup.tick,
}

_READERS: Final[dict[str, Callable[[Object], Command]]] = {
    **_READERS_2,
    "transfer": read_setup.transfer,
    "record": read_setup.record,
}

_ADMINISTRATIVE: Final = frozenset(
    [
        "set_rules", "create_asset", "create_market", "set_market_status", "set_market_fees", "set_market_limits",
        "set_fee_tiers", "uncross", "set_account_status", "set_trade_group", "deposit", "settle_withdrawal",
        "release_withdrawal",
    ]
)  # fmt: skip
"""What may say who did it."""
