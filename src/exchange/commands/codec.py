"""The bytes of a command entry.

An entry has one field, `c`, whose value is a JSON object: `{"v":1,"type":"place","account":100,…}`. Field names are
those of the classes in `types`; amounts are strings of digits, identifiers and rates are numbers, and optional fields
are left out. Reading is strict (a field too many is as wrong as one too few) because two readers that differ in what
they overlook differ in their state. The one looseness is JSON's own: of duplicate keys the last counts.
"""

from collections.abc import Callable
from typing import Final

import orjson

from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Withdraw,
)
from exchange.terms.amounts import MAX_COUNT, MAX_DECIMALS, MAX_FEE, parse_digits
from exchange.terms.codes import Code, Refused
from exchange.terms.words import (
    ASSET_PATTERN,
    CLIENT_ID_PATTERN,
    GTC,
    LIMIT,
    LOG_ID_PATTERN,
    MARKET_PATTERN,
    MARKET_STATUSES,
    ORDER_TYPES,
    REF_PATTERN,
    SELL,
    SIDES,
    TIMES_IN_FORCE,
    MarketStatus,
)

VERSION: Final = 1
FIELD: Final = b"c"
MAX_COMMAND_BYTES: Final = 16 * 1024
MAX_DEDUP_WINDOW_MS: Final = 7 * 24 * 3600 * 1000

_Object = dict[str, object]


def frame(fields: list[bytes]) -> bytes:
    """The bytes of an entry's fields as the chain hash covers them: each as a netstring, `length:bytes,`."""
    if len(fields) == 2 and fields[0] == FIELD:
        return b"1:c,%d:%b," % (len(fields[1]), fields[1])
    return b"".join([b"%d:%b," % (len(field), field) for field in fields])


def decode(fields: list[bytes]) -> Command:
    """Read an entry's fields as a command.

    Raises:
        Refused: the entry is not a command of a known version and type with fields of the right form.
    """
    if len(fields) != 2 or fields[0] != FIELD:
        raise Refused(Code.MALFORMED)
    raw = fields[1]
    if len(raw) > MAX_COMMAND_BYTES:
        raise Refused(Code.TOO_LARGE)
    try:
        decoded: object = orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise Refused(Code.MALFORMED) from None
    if not isinstance(decoded, dict):
        raise Refused(Code.MALFORMED)
    body: _Object = decoded
    version = body.get("v")
    if not isinstance(version, int) or isinstance(version, bool) or version != VERSION:
        raise Refused(Code.UNKNOWN_VERSION, "v")
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in _READERS:
        raise Refused(Code.UNKNOWN_TYPE, "type")
    return _READERS[kind](body)


def encode(command: Command) -> bytes:
    """Write a command as the value of an entry's `c` field; `decode` gives it back."""
    body: _Object = {"v": VERSION, "type": _NAMES[type(command)]}
    for name, value in _fields(command):
        body[name] = value
    return orjson.dumps(body)


def _fields(command: Command) -> list[tuple[str, object]]:
    if isinstance(command, Place):
        fields: list[tuple[str, object]] = [
            ("account", command.account),
            ("market", command.market),
            ("side", command.side),
            ("order_type", command.order_type),
            ("tif", command.tif),
        ]
        if command.order_type == LIMIT:
            fields.append(("price", str(command.price)))
        if command.quote_amount:
            fields.append(("quote_amount", str(command.quote_amount)))
        else:
            fields.append(("quantity", str(command.quantity)))
        if command.client_id:
            fields.append(("client_id", command.client_id))
        return fields
    if isinstance(command, Cancel):
        if command.client_id:
            return [("account", command.account), ("client_id", command.client_id)]
        return [("account", command.account), ("order", command.order)]
    if isinstance(command, Amend):
        return [
            ("account", command.account),
            ("order", command.order),
            ("quantity", str(command.quantity)),
        ]
    if isinstance(command, (Deposit, Withdraw)):
        return [
            ("account", command.account),
            ("asset", command.asset),
            ("amount", str(command.amount)),
            ("ref", command.ref),
        ]
    if isinstance(command, (SettleWithdrawal, ReleaseWithdrawal)):
        return [("withdrawal", command.withdrawal)]
    if isinstance(command, OpenAccount):
        return [("ref", command.ref)]
    if isinstance(command, SetMarketStatus):
        return [("market", command.market), ("status", command.status)]
    if isinstance(command, SetMarketFees):
        return [
            ("market", command.market),
            ("maker_fee", command.maker_fee),
            ("taker_fee", command.taker_fee),
        ]
    if isinstance(command, CreateMarket):
        return [
            ("market", command.market),
            ("tick_size", str(command.tick_size)),
            ("lot_size", str(command.lot_size)),
            ("min_notional", str(command.min_notional)),
            ("maker_fee", command.maker_fee),
            ("taker_fee", command.taker_fee),
        ]
    if isinstance(command, CreateAsset):
        return [("asset", command.asset), ("decimals", command.decimals)]
    if isinstance(command, OpenLog):
        return [
            ("log_id", command.log_id),
            ("rules", command.rules),
            ("dedup_window_ms", command.dedup_window_ms),
        ]
    raise TypeError(f"not a command: {command!r}")


# --- reading single fields -------------------------------------------------------------------------------------------


def _missing(body: _Object, name: str) -> Refused:
    return Refused(Code.INVALID_FIELD if name in body else Code.MISSING_FIELD, name)


def _integer(body: _Object, name: str, low: int, high: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _missing(body, name)
    return value


def _account(body: _Object) -> int:
    return _integer(body, "account", 0, MAX_COUNT)


def _amount(body: _Object, name: str) -> int:
    amount = parse_digits(body.get(name))
    if amount < 0:
        raise _missing(body, name)
    return amount


def _text(body: _Object, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _missing(body, name)
    return value


def _asset(body: _Object) -> str:
    value = _text(body, "asset")
    if ASSET_PATTERN.fullmatch(value) is None:
        raise Refused(Code.INVALID_FIELD, "asset")
    return value


def _market(body: _Object) -> str:
    value = _text(body, "market")
    if MARKET_PATTERN.fullmatch(value) is None:
        raise Refused(Code.INVALID_FIELD, "market")
    return value


def _ref(body: _Object) -> str:
    value = _text(body, "ref")
    if REF_PATTERN.fullmatch(value) is None:
        raise Refused(Code.INVALID_FIELD, "ref")
    return value


def _client_id(body: _Object) -> str:
    value = _text(body, "client_id")
    if CLIENT_ID_PATTERN.fullmatch(value) is None:
        raise Refused(Code.INVALID_FIELD, "client_id")
    return value


def _only(body: _Object, known: int, names: frozenset[str]) -> None:
    """Refuse fields beyond the `known` ones that were read."""
    if len(body) != known + 2:
        for name in body:
            if name not in names and name != "v" and name != "type":
                raise Refused(Code.UNKNOWN_FIELD, name[:64] if CLIENT_ID_PATTERN.fullmatch(name) else "")
        raise Refused(Code.INVALID_FIELD)


# --- reading commands ------------------------------------------------------------------------------------------------

_PLACE: Final = frozenset(
    ["account", "market", "side", "order_type", "tif", "price", "quantity", "quote_amount", "client_id"]
)


def _place(body: _Object) -> Command:
    known = 3
    account = _account(body)
    market = _text(body, "market")
    side = SIDES.get(_text(body, "side"))
    if side is None:
        raise Refused(Code.INVALID_FIELD, "side")
    order_type = ORDER_TYPES.get(_text(body, "order_type"))
    if order_type is None:
        raise Refused(Code.INVALID_FIELD, "order_type")
    known += 1
    tif = TIMES_IN_FORCE.get(_text(body, "tif"))
    if tif is None:
        raise Refused(Code.INVALID_FIELD, "tif")
    known += 1
    price = 0
    quantity = 0
    quote_amount = 0
    client_id = ""
    if order_type == LIMIT:
        price = _amount(body, "price")
        quantity = _amount(body, "quantity")
        known += 2
    else:
        if tif == GTC:
            raise Refused(Code.INVALID_FIELD, "tif")
        if "quote_amount" in body:
            if side == SELL:
                raise Refused(Code.INVALID_FIELD, "quote_amount")
            quote_amount = _amount(body, "quote_amount")
            if quote_amount == 0:
                raise Refused(Code.NOT_POSITIVE, "quote_amount")
        else:
            quantity = _amount(body, "quantity")
        known += 1
    if "client_id" in body:
        client_id = _client_id(body)
        known += 1
    _only(body, known, _PLACE)
    return Place(account, market, side, order_type, tif, price, quantity, quote_amount, client_id)


_CANCEL: Final = frozenset(["account", "order", "client_id"])


def _cancel(body: _Object) -> Command:
    account = _account(body)
    if "client_id" in body:
        command = Cancel(account, 0, _client_id(body))
    else:
        command = Cancel(account, _integer(body, "order", 1, MAX_COUNT), "")
    _only(body, 2, _CANCEL)
    return command


_AMEND: Final = frozenset(["account", "order", "quantity"])


def _amend(body: _Object) -> Command:
    command = Amend(_account(body), _integer(body, "order", 1, MAX_COUNT), _amount(body, "quantity"))
    _only(body, 3, _AMEND)
    return command


_TRANSFER: Final = frozenset(["account", "asset", "amount", "ref"])


def _deposit(body: _Object) -> Command:
    command = Deposit(_account(body), _asset(body), _amount(body, "amount"), _ref(body))
    _only(body, 4, _TRANSFER)
    return command


def _withdraw(body: _Object) -> Command:
    command = Withdraw(_account(body), _asset(body), _amount(body, "amount"), _ref(body))
    _only(body, 4, _TRANSFER)
    return command


_WITHDRAWAL: Final = frozenset(["withdrawal"])


def _settle_withdrawal(body: _Object) -> Command:
    command = SettleWithdrawal(_integer(body, "withdrawal", 1, MAX_COUNT))
    _only(body, 1, _WITHDRAWAL)
    return command


def _release_withdrawal(body: _Object) -> Command:
    command = ReleaseWithdrawal(_integer(body, "withdrawal", 1, MAX_COUNT))
    _only(body, 1, _WITHDRAWAL)
    return command


def _open_account(body: _Object) -> Command:
    command = OpenAccount(_ref(body))
    _only(body, 1, frozenset(["ref"]))
    return command


def _set_market_status(body: _Object) -> Command:
    market = _market(body)
    status: MarketStatus | None = MARKET_STATUSES.get(_text(body, "status"))
    if status is None:
        raise Refused(Code.INVALID_FIELD, "status")
    _only(body, 2, frozenset(["market", "status"]))
    return SetMarketStatus(market, status)


def _set_market_fees(body: _Object) -> Command:
    command = SetMarketFees(
        _market(body),
        _integer(body, "maker_fee", 0, MAX_FEE),
        _integer(body, "taker_fee", 0, MAX_FEE),
    )
    _only(body, 3, frozenset(["market", "maker_fee", "taker_fee"]))
    return command


def _create_market(body: _Object) -> Command:
    command = CreateMarket(
        _market(body),
        _amount(body, "tick_size"),
        _amount(body, "lot_size"),
        _amount(body, "min_notional"),
        _integer(body, "maker_fee", 0, MAX_FEE),
        _integer(body, "taker_fee", 0, MAX_FEE),
    )
    _only(body, 6, frozenset(["market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee"]))
    return command


def _create_asset(body: _Object) -> Command:
    command = CreateAsset(_asset(body), _integer(body, "decimals", 0, MAX_DECIMALS))
    _only(body, 2, frozenset(["asset", "decimals"]))
    return command


def _open_log(body: _Object) -> Command:
    log_id = _text(body, "log_id")
    if LOG_ID_PATTERN.fullmatch(log_id) is None:
        raise Refused(Code.INVALID_FIELD, "log_id")
    command = OpenLog(
        log_id,
        _integer(body, "rules", 1, MAX_COUNT),
        _integer(body, "dedup_window_ms", 0, MAX_DEDUP_WINDOW_MS),
    )
    _only(body, 3, frozenset(["log_id", "rules", "dedup_window_ms"]))
    return command


_READERS: Final[dict[str, Callable[[_Object], Command]]] = {
    "place": _place,
    "cancel": _cancel,
    "amend": _amend,
    "deposit": _deposit,
    "withdraw": _withdraw,
    "settle_withdrawal": _settle_withdrawal,
    "release_withdrawal": _release_withdrawal,
    "open_account": _open_account,
    "set_market_status": _set_market_status,
    "set_market_fees": _set_market_fees,
    "create_market": _create_market,
    "create_asset": _create_asset,
    "open_log": _open_log,
}

_NAMES: Final[dict[type[Command], str]] = {
    Place: "place",
    Cancel: "cancel",
    Amend: "amend",
    Deposit: "deposit",
    Withdraw: "withdraw",
    SettleWithdrawal: "settle_withdrawal",
    ReleaseWithdrawal: "release_withdrawal",
    OpenAccount: "open_account",
    SetMarketStatus: "set_market_status",
    SetMarketFees: "set_market_fees",
    CreateMarket: "create_market",
    CreateAsset: "create_asset",
    OpenLog: "open_log",
}
