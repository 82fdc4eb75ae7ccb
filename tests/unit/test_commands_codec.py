"""Commands are written and read back the same, and whatever is not exactly a command is refused with its reason."""

from collections.abc import Callable
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.commands.codec import FIELD, MAX_COMMAND_BYTES, decode, encode, frame
from exchange.commands.read_setup import MAX_DEDUP_NAMES, MAX_DEDUP_WINDOW_MS, MAX_TIMEOUT_MS
from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    Record,
    ReleaseWithdrawal,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tick,
    Tier,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, MAX_DECIMALS, MAX_FEE
from exchange.terms.codes import Refused
from exchange.terms.instructions import Instructions
from tests.property import strategies
from tests.property.flows import LOG_ID
from tests.unit.live.pipeline import begun

LIMIT = Place(100, "BTC-USDT", "buy", "limit", "gtc", 5, 7, 0, "mine")
MARKET = Place(100, "BTC-USDT", "sell", "market", "ioc", 0, 1, 0, "")
SPEND = Place(100, "BTC-USDT", "buy", "market", "ioc", 0, 0, 500, "")
STOP = Place(100, "BTC-USDT", "sell", "stop_loss", "ioc", 0, 1, 0, "", Instructions(stop_price=4))
STOP_LIMIT = Place(100, "BTC-USDT", "sell", "stop_loss_limit", "gtc", 3, 1, 0, "", Instructions(stop_price=4))
GTD = Place(100, "BTC-USDT", "buy", "limit", "gtd", 5, 7, 0, "", Instructions(expires_ms=1700))
TAKE = Place(100, "BTC-USDT", "sell", "take_profit_limit", "gtc", 9, 1, 0, "tp", Instructions(stop_price=8))
RICH = Place(
    100, "BTC-USDT", "buy", "limit", "gtd", 5, 7, 0, "r", Instructions(0, 0, 0, 1700, "reprice", 2, "decrement", 0)
)
ALL_LIMITS = Limits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)

WRITTEN = {
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"limit","tif":"gtc",'
    b'"price":"5","quantity":"7","client_id":"mine"}': LIMIT,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"market","tif":"ioc",'
    b'"quote_amount":"500"}': SPEND,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"market","tif":"ioc",'
    b'"quantity":"1"}': MARKET,
    b'{"v":1,"type":"cancel","account":100,"order":9}': Cancel(100, 9, ""),
    b'{"v":1,"type":"cancel","account":100,"client_id":"mine"}': Cancel(100, 0, "mine"),
    b'{"v":1,"type":"amend","account":100,"order":9,"quantity":"3"}': Amend(100, 9, 3),
    b'{"v":1,"type":"deposit","account":100,"asset":"BTC","amount":"30","ref":"tx:1"}': Deposit(100, "BTC", 30, "tx:1"),
    b'{"v":1,"type":"withdraw","account":100,"asset":"BTC","amount":"30","ref":"r"}': Withdraw(100, "BTC", 30, "r"),
    b'{"v":1,"type":"settle_withdrawal","withdrawal":4}': SettleWithdrawal(4),
    b'{"v":1,"type":"release_withdrawal","withdrawal":4}': ReleaseWithdrawal(4),
    b'{"v":1,"type":"open_account","ref":"somebody"}': OpenAccount("somebody"),
    b'{"v":1,"type":"set_market_status","market":"A-B","status":"halted"}': SetMarketStatus("A-B", "halted"),
    b'{"v":1,"type":"set_market_fees","market":"A-B","maker_fee":1,"taker_fee":2}': SetMarketFees("A-B", 1, 2),
    b'{"v":1,"type":"create_market","market":"A-B","tick_size":"1","lot_size":"2","min_notional":"0","maker_fee":3,'
    b'"taker_fee":4}': CreateMarket("A-B", 1, 2, 0, 3, 4),
    b'{"v":1,"type":"create_asset","asset":"BTC","decimals":8}': CreateAsset("BTC", 8),
    b'{"v":1,"type":"open_log","log_id":"%b","rules":1,"dedup_window_ms":60000}' % LOG_ID.encode(): OpenLog(
        LOG_ID, 1, 60_000
    ),
    b'{"v":1,"type":"open_log","log_id":"%b","rules":2,"dedup_window_ms":60000,"dedup_names":9}' % LOG_ID.encode(): (
        OpenLog(LOG_ID, 2, 60_000, 9)
    ),
    b'{"v":1,"type":"set_rules","rules":2,"dedup_names":9}': SetRules(2, 9),
    b'{"v":1,"type":"tick"}': Tick(),
    b'{"v":1,"type":"set_rules","rules":3,"dedup_names":9,"known":3}': SetRules(3, 9),
    b'{"v":1,"type":"open_log","log_id":"%b","rules":3,"dedup_window_ms":60000,"dedup_names":9,"known":3}'
    % LOG_ID.encode(): OpenLog(LOG_ID, 3, 60_000, 9),
    b'{"v":1,"type":"transfer","account":100,"to":101,"asset":"BTC","amount":"30","ref":"r"}': (
        Transfer(100, 101, "BTC", 30, "r")
    ),
    b'{"v":1,"type":"record","act":"role.granted","subject":"k/1","by":"operator"}': (
        Record("operator", "role.granted", "k/1")
    ),
    b'{"v":1,"type":"create_asset","asset":"BTC","decimals":8,"by":"0123456789abcdef0123456789abcdef"}': (
        CreateAsset("BTC", 8, LOG_ID)
    ),
    b'{"v":1,"type":"deposit","account":100,"asset":"BTC","amount":"30","ref":"r","by":"operator"}': (
        Deposit(100, "BTC", 30, "r", "operator")
    ),
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"stop_loss","tif":"ioc",'
    b'"quantity":"1","stop_price":"4"}': STOP,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"stop_loss_limit","tif":"gtc",'
    b'"price":"3","quantity":"1","stop_price":"4"}': STOP_LIMIT,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"take_profit","tif":"ioc",'
    b'"quantity":"1","trailing_bps":50,"slippage_bps":20}': (
        Place(100, "BTC-USDT", "buy", "take_profit", "ioc", 0, 1, 0, "", Instructions(trailing_bps=50, slippage_bps=20))
    ),
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"stop_loss_limit","tif":"fok",'
    b'"price":"3","quantity":"1","stop_price":"4","trailing_amount":"2","stp":"none"}': (
        Place(
            100,
            "BTC-USDT",
            "buy",
            "stop_loss_limit",
            "fok",
            3,
            1,
            0,
            "",
            Instructions(stop_price=4, trailing_amount=2, stp="none"),
        )
    ),
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"limit","tif":"gtd",'
    b'"price":"5","quantity":"7","client_id":"r","expires_ms":1700,"post_only":"reprice","display":"2",'
    b'"stp":"decrement"}': RICH,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"market","tif":"fok",'
    b'"quantity":"1"}': Place(100, "BTC-USDT", "sell", "market", "fok", 0, 1, 0, ""),
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"market","tif":"ioc",'
    b'"quote_amount":"500"}': Place(100, "BTC-USDT", "sell", "market", "ioc", 0, 0, 500, ""),
    b'{"v":1,"type":"place_list","account":100,"market":"BTC-USDT","kind":"oco","client_id":"l","legs":[{"side":"sell",'
    b'"order_type":"take_profit_limit","tif":"gtc","price":"9","quantity":"1","client_id":"tp","stop_price":"8"},'
    b'{"side":"sell","order_type":"stop_loss","tif":"ioc","quantity":"1","stop_price":"4"}]}': (
        PlaceList(100, "BTC-USDT", "oco", "l", [TAKE, STOP])
    ),
    b'{"v":1,"type":"cancel_list","account":100,"order_list":3}': CancelList(100, 3, ""),
    b'{"v":1,"type":"cancel_list","account":100,"client_id":"l"}': CancelList(100, 0, "l"),
    b'{"v":1,"type":"cancel_replace","account":100,"order":9,"stop_on_failure":true,"place":{"market":"BTC-USDT",'
    b'"side":"buy","order_type":"limit","tif":"gtc","price":"5","quantity":"7","client_id":"mine"}}': (
        CancelReplace(Cancel(100, 9, ""), LIMIT, True)
    ),
    b'{"v":1,"type":"cancel_all","account":100}': CancelAll(100, ""),
    b'{"v":1,"type":"cancel_all","account":100,"market":"A-B"}': CancelAll(100, "A-B"),
    b'{"v":1,"type":"batch","account":100,"items":[{"type":"place","market":"BTC-USDT","side":"buy",'
    b'"order_type":"market","tif":"ioc","quote_amount":"500"},{"type":"cancel","client_id":"mine"},'
    b'{"type":"amend","order":9,"quantity":"3"}]}': Batch(100, [SPEND, Cancel(100, 0, "mine"), Amend(100, 9, 3)]),
    b'{"v":1,"type":"set_market_fees","market":"A-B","maker_fee":-2,"taker_fee":2,"tiered":true}': (
        SetMarketFees("A-B", -2, 2, True)
    ),
    b'{"v":1,"type":"set_market_limits","market":"A-B","reference":"1","bid_up":2,"bid_down":3,"ask_up":4,"ask_down":5,'
    b'"slippage_bps":6,"max_orders":7,"max_conditional":8,"max_parts":9,"max_position":"10","max_fills":11}': (
        SetMarketLimits("A-B", ALL_LIMITS)
    ),
    b'{"v":1,"type":"set_market_limits","market":"A-B"}': SetMarketLimits("A-B", Limits()),
    b'{"v":1,"type":"set_fee_tiers","asset":"USDT","tiers":[["0",10,20],["500",-10,10]]}': (
        SetFeeTiers("USDT", [Tier(0, 10, 20), Tier(500, -10, 10)])
    ),
    b'{"v":1,"type":"set_fee_tiers","asset":"USDT","tiers":[]}': SetFeeTiers("USDT", []),
    b'{"v":1,"type":"set_account_status","account":100,"status":"frozen"}': SetAccountStatus(100, "frozen"),
    b'{"v":1,"type":"set_stp","account":100,"stp":"expire_maker"}': SetStp(100, "expire_maker"),
    b'{"v":1,"type":"set_trade_group","account":100,"group":7}': SetTradeGroup(100, 7),
    b'{"v":1,"type":"set_switch","account":100,"timeout_ms":60000}': SetSwitch(100, 60_000),
    b'{"v":1,"type":"uncross","market":"A-B","status":"open"}': Uncross("A-B", "open"),
}
"""Each command with the bytes it has had since the first log was written: they may not change."""

OPTIONAL = {
    "client_id", "stop_price", "trailing_bps", "trailing_amount", "post_only", "display", "stp", "slippage_bps",
    "tiered", "reference", "bid_up", "bid_down", "ask_up", "ask_down", "max_orders", "max_conditional", "max_parts",
    "max_position", "max_fills",
}  # fmt: skip
OPTIONAL_IN = {
    "cancel_all": {"market"},
    "open_log": {"dedup_names", "known"},
    "set_rules": {"known"},
    "create_asset": {"by"},
    "deposit": {"by"},
}

PLACED = ("account", "market", "side", "order_type", "tif", "price", "quantity", "quote_amount", "client_id")
NAMES: dict[type, tuple[str, ...]] = {
    Place: (*PLACED, "instructions"),
    PlaceList: ("account", "market", "kind", "client_id", "legs"),
    Cancel: ("account", "order", "client_id"),
    CancelList: ("account", "order_list", "client_id"),
    CancelReplace: ("cancel", "place", "stop_on_failure"),
    CancelAll: ("account", "market"),
    Amend: ("account", "order", "quantity"),
    Batch: ("account", "items"),
    Deposit: ("account", "asset", "amount", "ref", "by"),
    Withdraw: ("account", "asset", "amount", "ref"),
    Transfer: ("account", "to", "asset", "amount", "ref"),
    Record: ("by", "act", "subject"),
    SettleWithdrawal: ("withdrawal", "by"),
    ReleaseWithdrawal: ("withdrawal", "by"),
    OpenAccount: ("ref",),
    SetAccountStatus: ("account", "status", "by"),
    SetStp: ("account", "stp"),
    SetTradeGroup: ("account", "group", "by"),
    SetSwitch: ("account", "timeout_ms"),
    SetMarketStatus: ("market", "status", "by"),
    SetMarketFees: ("market", "maker_fee", "taker_fee", "tiered", "by"),
    SetMarketLimits: ("market", "limits", "by"),
    SetFeeTiers: ("asset", "tiers", "by"),
    Uncross: ("market", "status", "by"),
    CreateMarket: ("market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee", "by"),
    CreateAsset: ("asset", "decimals", "by"),
    OpenLog: ("log_id", "rules", "dedup_window_ms", "dedup_names"),
    SetRules: ("rules", "dedup_names", "by"),
    Tick: (),
}
PARTS: dict[type, tuple[str, ...]] = {
    Instructions: (
        "stop_price", "trailing_bps", "trailing_amount", "expires_ms", "post_only", "display", "stp", "slippage_bps",
    ),
    Limits: (
        "reference", "bid_up", "bid_down", "ask_up", "ask_down", "slippage_bps", "max_orders", "max_conditional",
        "max_parts", "max_position", "max_fills",
    ),
    Tier: ("volume", "maker_fee", "taker_fee"),
}  # fmt: skip


def values(command: Command) -> dict[str, object]:
    """What a command says, in plain data."""
    return {"type": type(command)} | {name: plain(getattr(command, name)) for name in NAMES[type(command)]}


def plain(value: object) -> object:
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, Command):
        return values(value)
    names = PARTS.get(type(value))
    return value if names is None else {name: plain(getattr(value, name)) for name in names}


def refused(raw: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        decode([FIELD, raw])
    return caught.value.code.value, caught.value.field


def body(command: Command, **changes: object) -> bytes:
    changed = orjson.loads(encode(command)) | changes
    return orjson.dumps({name: value for name, value in changed.items() if value is not ...})


@pytest.mark.parametrize("raw", WRITTEN, ids=lambda raw: orjson.loads(raw)["type"])
def test_the_bytes_of_each_command_are_fixed(raw: bytes) -> None:
    assert encode(WRITTEN[raw]) == raw
    assert values(decode([FIELD, raw])) == values(WRITTEN[raw])


def test_every_command_has_its_bytes_written_down() -> None:
    assert {type(command) for command in WRITTEN.values()} == set(NAMES)


@given(strategies.commands)
def test_what_can_be_read_says_all_that_was_written(command: Command) -> None:
    written = encode(command)
    with suppress(Refused):  # no client can mean it
        read = decode([FIELD, written])
        never = isinstance(read, (OpenLog, SetRules)) and read.rules == MAX_COUNT  # rules that no engine will know
        assert never or encode(read) == written


@pytest.mark.parametrize("seed", range(5))
def test_what_clients_mean_is_written_and_read_back_the_same(seed: int) -> None:
    pipeline, traffic = begun(seed)
    for _ in range(300):
        pipeline.ms += traffic.step_ms()
        command = traffic.next(pipeline.machine.state, pipeline.ms)
        assert values(decode([FIELD, encode(command)])) == values(command)
        pipeline.do(command)


@given(strategies.poison)
def test_any_other_entry_is_refused_and_raises_nothing_else(fields: list[bytes]) -> None:
    with pytest.raises(Refused):
        decode(fields)


@pytest.mark.parametrize(
    "fields",
    [[], [FIELD], [b"d", encode(LIMIT)], [FIELD, encode(LIMIT), b"x", b"y"], [encode(LIMIT), FIELD]],
)
def test_an_entry_has_one_field_named_c(fields: list[bytes]) -> None:
    with pytest.raises(Refused) as caught:
        decode(fields)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b'{"v":1}x', b'{"v":NaN}', b"[" * 10_000, b'{"a":"\\ud800"}'],
)
def test_what_is_no_json_object_is_malformed(raw: bytes) -> None:
    assert refused(raw) == ("malformed", "")


def test_a_command_may_be_16_kib_and_no_byte_more() -> None:
    padded = encode(LIMIT).ljust(MAX_COMMAND_BYTES)

    assert values(decode([FIELD, padded])) == values(LIMIT)
    assert refused(padded + b" ") == ("too_large", "")


@pytest.mark.parametrize("version", [..., None, 0, 2, True, 1.0, "1", 2**70])
def test_the_version_must_be_the_number_one(version: object) -> None:
    raw = body(LIMIT, v=version) if not isinstance(version, int) or version < 2**64 else b'{"v":%d}' % version
    assert refused(raw) == ("unknown_version", "v")


@pytest.mark.parametrize("kind", [..., None, "", "Place", "place ", 1, ["place"]])
def test_the_type_must_be_known(kind: object) -> None:
    assert refused(body(LIMIT, type=kind)) == ("unknown_type", "type")


@pytest.mark.parametrize("raw", WRITTEN, ids=lambda raw: orjson.loads(raw)["type"])
def test_every_field_is_needed_and_none_more_is_taken(raw: bytes) -> None:
    told = orjson.loads(raw)
    for name in told.keys() - {"v", "type"} - OPTIONAL - OPTIONAL_IN.get(told["type"], set()):
        less = {kept: value for kept, value in told.items() if kept != name}
        assert refused(orjson.dumps(less)) == ("missing_field", "quantity" if name == "quote_amount" else name)
    assert refused(orjson.dumps(told | {"more": 1})) == ("unknown_field", "more")
    assert refused(orjson.dumps(told | {"no name\n": 1})) == ("unknown_field", "")


@pytest.mark.parametrize("amount", [5, 5.0, True, None, "", "-1", "+1", "05", "5.0", "1e3", " 5", "5 ", "5\n", "1_0"])
@pytest.mark.parametrize("name", ["price", "quantity"])
def test_an_amount_is_a_string_of_digits(name: str, amount: object) -> None:
    assert refused(body(LIMIT, **{name: amount})) == ("invalid_field", name)


@pytest.mark.parametrize("digits", ["\u0665", "\uff15", "\u00b2", "\u2460", "1" * 31, "1" * 10_000])
def test_an_amount_has_at_most_thirty_ascii_digits(digits: str) -> None:
    assert refused(body(LIMIT, price=digits)) == ("invalid_field", "price")


def test_the_largest_amount_can_be_named() -> None:
    read = decode([FIELD, body(LIMIT, price=str(MAX_AMOUNT), quantity="0")])
    assert isinstance(read, Place)
    assert (read.price, read.quantity) == (MAX_AMOUNT, 0)


@pytest.mark.parametrize("number", [-1, MAX_COUNT + 1, 2**64, 1.0, True, "100", None, [100]])
def test_an_identifier_is_a_number_within_bounds(number: object) -> None:
    if isinstance(number, int) and number >= 2**64:
        raw = encode(LIMIT).replace(b'"account":100', b'"account":%d' % number)
    else:
        raw = body(LIMIT, account=number)
    assert refused(raw) == ("invalid_field", "account")


@pytest.mark.parametrize(
    "command,name,bad",
    [
        (LIMIT, "side", "Buy"),
        (LIMIT, "order_type", "stop"),
        (LIMIT, "tif", "day"),
        (LIMIT, "side", 1),
        (LIMIT, "market", None),
        (LIMIT, "client_id", ""),
        (LIMIT, "client_id", "x" * 37),
        (LIMIT, "client_id", 'a"b'),
        (LIMIT, "client_id", "a\n"),
        (LIMIT, "client_id", "\u00e4"),
        (LIMIT, "client_id", None),
        (SPEND, "tif", "gtc"),
        (SPEND, "tif", "fok"),
        (MARKET, "tif", "gtc"),
        (MARKET, "tif", "gtd"),
        (STOP, "tif", "fok"),
        (STOP, "stop_price", 4),
        (STOP, "trailing_bps", 0),
        (STOP, "trailing_bps", 10_000),
        (STOP, "trailing_bps", "50"),
        (STOP, "slippage_bps", 0),
        (STOP, "slippage_bps", 10_000),
        (GTD, "expires_ms", 0),
        (GTD, "expires_ms", "1700"),
        (GTD, "expires_ms", MAX_COUNT + 1),
        (RICH, "post_only", "yes"),
        (RICH, "post_only", ""),
        (RICH, "post_only", True),
        (RICH, "display", 2),
        (RICH, "stp", "cancel"),
        (RICH, "stp", None),
        (Cancel(100, 9, ""), "order", 0),
        (Deposit(100, "BTC", 1, "r"), "asset", "btc"),
        (Deposit(100, "BTC", 1, "r"), "asset", "A" * 17),
        (Deposit(100, "BTC", 1, "r"), "ref", "r" * 65),
        (OpenAccount("r"), "ref", "a b"),
        (CreateAsset("BTC", 8), "decimals", MAX_DECIMALS + 1),
        (CreateAsset("BTC", 8), "decimals", -1),
        (SetMarketFees("A-B", 1, 2), "maker_fee", MAX_FEE + 1),
        (SetMarketFees("A-B", 1, 2), "maker_fee", -3),
        (SetMarketFees("A-B", 1, 2), "tiered", 1),
        (CreateMarket("A-B", 1, 2, 0, 3, 4), "maker_fee", -5),
        (PlaceList(100, "A-B", "oco", "", [TAKE, STOP]), "kind", "oso"),
        (PlaceList(100, "A-B", "oco", "", [TAKE, STOP]), "kind", "otoco"),
        (PlaceList(100, "A-B", "oco", "", [TAKE, STOP]), "legs", []),
        (PlaceList(100, "A-B", "oco", "", [TAKE, STOP]), "legs", {}),
        (PlaceList(100, "A-B", "oco", "", [TAKE, STOP]), "legs", [[], []]),
        (CancelList(100, 9, ""), "order_list", 0),
        (CancelReplace(Cancel(100, 9, ""), LIMIT, True), "stop_on_failure", 1),
        (CancelReplace(Cancel(100, 9, ""), LIMIT, True), "place", []),
        (CancelAll(100, ""), "market", ""),
        (Batch(100, [LIMIT]), "items", []),
        (Batch(100, [LIMIT]), "items", [1]),
        (Batch(100, [LIMIT]), "items", [{"type": "cancel", "order": 1}] * 21),
        (SetMarketLimits("A-B", Limits()), "reference", 5),
        (SetMarketLimits("A-B", Limits()), "bid_up", 1_000_001),
        (SetMarketLimits("A-B", Limits()), "ask_down", -1),
        (SetMarketLimits("A-B", Limits()), "slippage_bps", 10_000),
        (SetMarketLimits("A-B", Limits()), "max_orders", 1_000_001),
        (SetMarketLimits("A-B", Limits()), "max_position", "x"),
        (SetFeeTiers("A", []), "tiers", {}),
        (SetFeeTiers("A", []), "tiers", [["1", 0, 0]]),
        (SetFeeTiers("A", []), "tiers", [["0", 0, 0], ["0", 0, 0]]),
        (SetFeeTiers("A", []), "tiers", [["0", 0, 0], ["5", 0, 0], ["4", 0, 0]]),
        (SetFeeTiers("A", []), "tiers", [["0", -2, 1]]),
        (SetFeeTiers("A", []), "tiers", [["0", True, 1]]),
        (SetFeeTiers("A", []), "tiers", [["0", 1, True]]),
        (SetFeeTiers("A", []), "tiers", [["0", 1, -1]]),
        (SetFeeTiers("A", []), "tiers", [["0", MAX_FEE + 1, 1]]),
        (SetFeeTiers("A", []), "tiers", [["0", 1, MAX_FEE + 1]]),
        (SetFeeTiers("A", []), "tiers", [[0, 1, 1]]),
        (SetFeeTiers("A", []), "tiers", [["0", 1]]),
        (SetFeeTiers("A", []), "tiers", [[str(volume), 0, 0] for volume in range(21)]),
        (SetAccountStatus(100, "open"), "status", "closed"),
        (SetStp(100, "none"), "stp", ""),
        (SetTradeGroup(100, 1), "group", -1),
        (SetSwitch(100, 1), "timeout_ms", MAX_TIMEOUT_MS + 1),
        (SetSwitch(100, 1), "timeout_ms", -1),
        (Uncross("A-B", "open"), "status", "auction"),
        (Uncross("A-B", "open"), "market", "AB"),
        (SetRules(2, 0), "rules", 0),
        (CreateAsset("BTC", 8, "operator"), "by", "a" * 32 + "\n"),
        (Record("operator", "did", "k"), "act", 'd"'),
        (Record("operator", "did", "k"), "subject", "somebody@example.org"),
        (Transfer(100, 101, "BTC", 1, "r"), "to", "101"),
        (SetRules(2, 0), "dedup_names", MAX_DEDUP_NAMES + 1),
        (OpenLog(LOG_ID, 2, 5), "dedup_names", -1),
        (SetMarketFees("A-B", 1, 2), "taker_fee", -1),
        (SetMarketFees("A-B", 1, 2), "market", "AB"),
        (SetMarketFees("A-B", 1, 2), "market", "A-B-C"),
        (SetMarketStatus("A-B", "open"), "status", "closed"),
        (OpenLog(LOG_ID, 1, 5), "log_id", LOG_ID.upper()),
        (OpenLog(LOG_ID, 1, 5), "log_id", LOG_ID[1:]),
        (OpenLog(LOG_ID, 1, 5), "rules", 0),
        (OpenLog(LOG_ID, 1, 5), "dedup_window_ms", MAX_DEDUP_WINDOW_MS + 1),
    ],
)
def test_a_word_outside_its_set_or_alphabet_is_refused(command: Command, name: str, bad: object) -> None:
    code, field = refused(body(command, **{name: bad}))
    assert code == "invalid_field"
    assert field == ("legs" if bad == "otoco" else name)


@pytest.mark.parametrize(
    "raw,expected",
    [
        (body(LIMIT, quote_amount="5"), ("invalid_field", "quote_amount")),
        (body(STOP, quote_amount="5"), ("invalid_field", "quote_amount")),
        (body(SPEND, quantity="5"), ("invalid_field", "quote_amount")),
        (body(SPEND, price="5"), ("invalid_field", "price")),
        (body(STOP, price="5"), ("invalid_field", "price")),
        (body(SPEND, quote_amount="0"), ("not_positive", "quote_amount")),
        (body(LIMIT, price=...), ("missing_field", "price")),
        (body(LIMIT, quantity=...), ("missing_field", "quantity")),
        (body(STOP, quantity=...), ("missing_field", "quantity")),
        (body(STOP_LIMIT, price=...), ("missing_field", "price")),
        (body(STOP, stop_price=...), ("missing_field", "stop_price")),
        (body(STOP, stop_price="0"), ("not_positive", "stop_price")),
        (body(STOP, trailing_amount="0"), ("not_positive", "trailing_amount")),
        (body(STOP, trailing_bps=5, trailing_amount="5"), ("invalid_field", "trailing_amount")),
        (body(LIMIT, stop_price="5"), ("invalid_field", "stop_price")),
        (body(MARKET, trailing_bps=5), ("invalid_field", "trailing_bps")),
        (body(LIMIT, trailing_amount="5"), ("invalid_field", "trailing_amount")),
        (body(LIMIT, tif="gtd"), ("missing_field", "expires_ms")),
        (body(LIMIT, expires_ms=5), ("invalid_field", "expires_ms")),
        (body(MARKET, post_only="refuse"), ("invalid_field", "post_only")),
        (body(STOP_LIMIT, post_only="refuse"), ("invalid_field", "post_only")),
        (body(LIMIT, tif="ioc", post_only="refuse"), ("invalid_field", "post_only")),
        (body(LIMIT, tif="fok", display="1"), ("invalid_field", "display")),
        (body(LIMIT, tif="ioc", display="1"), ("invalid_field", "display")),
        (body(STOP, display="1"), ("invalid_field", "display")),
        (body(LIMIT, display="0"), ("not_positive", "display")),
        (body(LIMIT, slippage_bps=5), ("invalid_field", "slippage_bps")),
        (body(STOP_LIMIT, slippage_bps=5), ("invalid_field", "slippage_bps")),
        (body(SetStp(100, "none"), stp=...), ("missing_field", "stp")),
        (body(Cancel(100, 9, ""), client_id="a"), ("invalid_field", "")),
        (body(CancelList(100, 9, ""), client_id="a"), ("invalid_field", "")),
        (body(CancelReplace(Cancel(100, 9, ""), LIMIT, True), client_id="a"), ("invalid_field", "")),
    ],
)
def test_fields_that_exclude_or_need_each_other_are_refused(raw: bytes, expected: tuple[str, str]) -> None:
    assert refused(raw) == expected


LEG = {"side": "buy", "order_type": "limit", "tif": "gtc", "price": "5", "quantity": "7"}
PLACED_PART = LEG | {"type": "place", "market": "A-B"}
AMEND_PART = {"type": "amend", "order": 9, "quantity": "5"}


@pytest.mark.parametrize(
    "leg,expected",
    [
        (LEG | {"price": 5}, ("invalid_field", "price")),
        (LEG | {"account": 100}, ("unknown_field", "account")),
        (LEG | {"market": "A-B"}, ("unknown_field", "market")),
        (LEG | {"v": 1}, ("unknown_field", "v")),
        (LEG | {"type": "place"}, ("unknown_field", "type")),
        (LEG | {"side": "both"}, ("invalid_field", "side")),
        (LEG | {"tif": "gtd"}, ("missing_field", "expires_ms")),
    ],
)
def test_a_leg_is_read_as_strictly_as_an_order(leg: dict[str, object], expected: tuple[str, str]) -> None:
    told = PlaceList(100, "A-B", "oto", "", [LIMIT, STOP])
    assert refused(body(told, legs=[LEG, leg])) == expected


@pytest.mark.parametrize(
    "order,expected",
    [
        (LEG, ("missing_field", "market")),
        (LEG | {"market": 5}, ("invalid_field", "market")),
        (LEG | {"market": "A-B", "account": 100}, ("unknown_field", "account")),
        (LEG | {"market": "A-B", "type": "place"}, ("unknown_field", "type")),
    ],
)
def test_a_replacement_says_its_market_and_no_account(order: dict[str, object], expected: tuple[str, str]) -> None:
    assert refused(body(CancelReplace(Cancel(100, 9, ""), LIMIT, True), place=order)) == expected


@pytest.mark.parametrize(
    "item,expected",
    [
        ({}, ("unknown_type", "type")),
        ({"type": "deposit"}, ("unknown_type", "type")),
        ({"type": "batch", "items": []}, ("unknown_type", "type")),
        ({"type": ["place"]}, ("unknown_type", "type")),
        (PLACED_PART | {"account": 100}, ("unknown_field", "account")),
        (PLACED_PART | {"v": 1}, ("unknown_field", "v")),
        (PLACED_PART | {"quantity": 5}, ("invalid_field", "quantity")),
        ({"type": "cancel"}, ("missing_field", "order")),
        ({"type": "cancel", "order": 9, "client_id": "a"}, ("invalid_field", "")),
        ({"type": "cancel", "order": 9, "account": 100}, ("unknown_field", "account")),
        (AMEND_PART | {"quantity": ""}, ("invalid_field", "quantity")),
        (AMEND_PART | {"account": 100}, ("unknown_field", "account")),
    ],
)
def test_a_part_of_a_batch_is_read_as_strictly_as_a_command(item: dict[str, object], expected: tuple[str, str]) -> None:
    assert refused(body(Batch(100, [LIMIT]), items=[AMEND_PART, item])) == expected


def test_a_batch_has_up_to_twenty_parts() -> None:
    twenty = Batch(100, [RICH] * 20)

    assert values(decode([FIELD, encode(twenty)])) == values(twenty)


def test_of_duplicate_names_the_last_counts() -> None:
    read = decode([FIELD, encode(LIMIT)[:-1] + b',"side":"sell"}'])
    assert isinstance(read, Place)
    assert read.side == "sell"


@pytest.mark.parametrize(
    "fields,framed",
    [
        ([b"c", b"abc"], b"1:c,3:abc,"),
        ([b"c", b""], b"1:c,0:,"),
        ([], b""),
        ([b"d", b"x", b"", b"\x00,"], b"1:d,1:x,0:,2:\x00,,"),
    ],
)
def test_fields_are_framed_as_netstrings(fields: list[bytes], framed: bytes) -> None:
    assert frame(fields) == framed


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
def test_two_entries_are_never_framed_alike(one: list[bytes], other: list[bytes]) -> None:
    assert (frame(one) == frame(other)) == (one == other)


def test_only_commands_can_be_written() -> None:
    write: Callable[[Command], bytes] = encode
    with pytest.raises((KeyError, TypeError)):
        write(Command())
