"""Commands are written and read back the same, and whatever is not exactly a command is refused with its reason."""

from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.commands.codec import FIELD, MAX_COMMAND_BYTES, MAX_DEDUP_WINDOW_MS, decode, encode, frame
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
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, MAX_DECIMALS, MAX_FEE
from exchange.terms.codes import Refused
from tests.property import strategies
from tests.property.flows import LOG_ID

LIMIT = Place(100, "BTC-USDT", "buy", "limit", "gtc", 5, 7, 0, "mine")
SPEND = Place(100, "BTC-USDT", "buy", "market", "ioc", 0, 0, 500, "")

WRITTEN = {
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"limit","tif":"gtc",'
    b'"price":"5","quantity":"7","client_id":"mine"}': LIMIT,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"buy","order_type":"market","tif":"ioc",'
    b'"quote_amount":"500"}': SPEND,
    b'{"v":1,"type":"place","account":100,"market":"BTC-USDT","side":"sell","order_type":"market","tif":"ioc",'
    b'"quantity":"1"}': Place(100, "BTC-USDT", "sell", "market", "ioc", 0, 1, 0, ""),
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
}
"""Each command with the bytes it has had since the first log was written: they may not change."""

NAMES = {
    Place: ("account", "market", "side", "order_type", "tif", "price", "quantity", "quote_amount", "client_id"),
    Cancel: ("account", "order", "client_id"),
    Amend: ("account", "order", "quantity"),
    Deposit: ("account", "asset", "amount", "ref"),
    Withdraw: ("account", "asset", "amount", "ref"),
    SettleWithdrawal: ("withdrawal",),
    ReleaseWithdrawal: ("withdrawal",),
    OpenAccount: ("ref",),
    SetMarketStatus: ("market", "status"),
    SetMarketFees: ("market", "maker_fee", "taker_fee"),
    CreateMarket: ("market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee"),
    CreateAsset: ("asset", "decimals"),
    OpenLog: ("log_id", "rules", "dedup_window_ms"),
}


def values(command: Command) -> list[object]:
    return [type(command), *(getattr(command, name) for name in NAMES[type(command)])]


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
def test_what_is_written_is_read_back_the_same(command: Command) -> None:
    if isinstance(command, Place) and command.order_type == "limit" and not command.price:
        return  # no client can mean it
    assert values(decode([FIELD, encode(command)])) == values(command)


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
    for name in told.keys() - {"v", "type", "client_id"}:
        less = {kept: value for kept, value in told.items() if kept != name}
        needed = "quantity" if name == "quote_amount" else name
        assert refused(orjson.dumps(less)) == ("missing_field", needed)
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
        (LIMIT, "tif", "fok"),
        (LIMIT, "side", 1),
        (LIMIT, "market", None),
        (LIMIT, "client_id", ""),
        (LIMIT, "client_id", "x" * 37),
        (LIMIT, "client_id", 'a"b'),
        (LIMIT, "client_id", "a\n"),
        (LIMIT, "client_id", "\u00e4"),
        (LIMIT, "client_id", None),
        (SPEND, "tif", "gtc"),
        (SPEND, "side", "sell"),
        (Cancel(100, 9, ""), "order", 0),
        (Deposit(100, "BTC", 1, "r"), "asset", "btc"),
        (Deposit(100, "BTC", 1, "r"), "asset", "A" * 17),
        (Deposit(100, "BTC", 1, "r"), "ref", "r" * 65),
        (OpenAccount("r"), "ref", "a b"),
        (CreateAsset("BTC", 8), "decimals", MAX_DECIMALS + 1),
        (CreateAsset("BTC", 8), "decimals", -1),
        (SetMarketFees("A-B", 1, 2), "maker_fee", MAX_FEE + 1),
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
    assert field == ("quote_amount" if command is SPEND and name == "side" else name)


@pytest.mark.parametrize(
    "raw,expected",
    [
        (body(LIMIT, quote_amount="5"), ("invalid_field", "")),
        (body(SPEND, quantity="5"), ("invalid_field", "")),
        (body(SPEND, price="5"), ("invalid_field", "")),
        (body(SPEND, quote_amount="0"), ("not_positive", "quote_amount")),
        (body(Cancel(100, 9, ""), client_id="a"), ("invalid_field", "")),
        (body(LIMIT, price=...), ("missing_field", "price")),
    ],
)
def test_fields_that_exclude_each_other_are_refused(raw: bytes, expected: tuple[str, str]) -> None:
    assert refused(raw) == expected


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
