"""Reading the commands that set something up or move money; those that version 1 of the rules read otherwise stand in
`codec_1` as well."""

from typing import Final

from exchange.commands import fields
from exchange.commands.fields import Object
from exchange.commands.read_orders import self_trade
from exchange.commands.types import (
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
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
from exchange.terms.amounts import MAX_COUNT, MAX_DECIMALS, MAX_FEE, POINTS, parse_digits
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    ACT_PATTERN,
    AUCTION,
    LOG_ID_PATTERN,
    MARKET_STATUSES,
    MarketStatus,
)

MAX_DEDUP_WINDOW_MS: Final = 7 * 24 * 3600 * 1000
MAX_DEDUP_NAMES: Final = 10_000_000
MAX_TIMEOUT_MS: Final = 24 * 3600 * 1000
MAX_TIERS: Final = 20
MAX_BAND: Final = 1_000_000
"""The widest price band, basis points: a hundred times the reference."""
MAX_LIMIT: Final = 1_000_000
"""The highest count that a market's limits may name."""


def open_log(body: Object) -> Command:
    """The beginning of a log. From the second version on it says how many names are remembered; without that it is of
    the first, which knew no version but its own."""
    log_id = fields.text(body, "log_id")
    if LOG_ID_PATTERN.fullmatch(log_id) is None:
        raise fields.invalid("log_id")
    rules = fields.integer(body, "rules", 1, MAX_COUNT)
    window_ms = fields.integer(body, "dedup_window_ms", 0, MAX_DEDUP_WINDOW_MS)
    if rules < 2 or "dedup_names" not in body:
        fields.only(body, 3, frozenset(["log_id", "rules", "dedup_window_ms"]))
        return OpenLog(log_id, _known(rules, 1), window_ms)
    names = fields.integer(body, "dedup_names", 0, MAX_DEDUP_NAMES)
    rules = _known(rules, _newest_known(body))
    fields.only(body, 5 if "known" in body else 4, _OPEN_LOG)
    return OpenLog(log_id, rules, window_ms, names)


_OPEN_LOG: Final = frozenset(["log_id", "rules", "dedup_window_ms", "dedup_names", "known"])


def set_rules(body: Object) -> Command:
    """A newer version of the rules."""
    rules = fields.integer(body, "rules", 1, MAX_COUNT)
    names = fields.integer(body, "dedup_names", 0, MAX_DEDUP_NAMES)
    rules = _known(rules, _newest_known(body))
    fields.only(body, 3 if "known" in body else 2, frozenset(["rules", "dedup_names", "known"]))
    return SetRules(rules, names)


def _newest_known(body: Object) -> int:
    """The newest version that whoever wrote the command knew. It is told since the third."""
    return fields.integer(body, "known", 3, MAX_COUNT) if "known" in body else 2


def _known(rules: int, newest: int) -> int:
    """A version that the writer did not know was refused then, and is for ever: it is read as one that no engine will
    ever know. Otherwise a log in which somebody asked too early would replay otherwise."""
    return rules if rules <= newest else MAX_COUNT


def tick(body: Object) -> Command:
    """Nothing but time."""
    fields.only(body, 0, frozenset())
    return Tick()


def create_asset(body: Object) -> Command:
    """A new asset."""
    command = CreateAsset(fields.asset(body), fields.integer(body, "decimals", 0, MAX_DECIMALS))
    fields.only(body, 2, frozenset(["asset", "decimals"]))
    return command


def create_market(body: Object) -> Command:
    """A new market."""
    market = fields.market(body)
    tick_size = fields.amount(body, "tick_size")
    lot_size = fields.amount(body, "lot_size")
    min_notional = fields.amount(body, "min_notional")
    maker, taker = _rates(body)
    fields.only(body, 6, frozenset(["market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee"]))
    return CreateMarket(market, tick_size, lot_size, min_notional, maker, taker)


def _rates(body: Object) -> tuple[int, int]:
    """Maker and taker rate; a rebate is paid out of the taker's fee and so is no greater."""
    maker = fields.integer(body, "maker_fee", -MAX_FEE, MAX_FEE)
    taker = fields.integer(body, "taker_fee", 0, MAX_FEE)
    if maker < -taker:
        raise fields.invalid("maker_fee")
    return maker, taker


def set_market_fees(body: Object) -> Command:
    """A market's own rates, or its asset's table."""
    market = fields.market(body)
    maker, taker = _rates(body)
    tiered = "tiered" in body and fields.flag(body, "tiered")
    fields.only(body, 4 if "tiered" in body else 3, frozenset(["market", "maker_fee", "taker_fee", "tiered"]))
    return SetMarketFees(market, maker, taker, tiered)


def set_fee_tiers(body: Object) -> Command:
    """An asset's fee table: rows `[volume, maker, taker]`."""
    asset = fields.asset(body)
    rows = body.get("tiers")
    if not isinstance(rows, list):
        raise fields.refusal(body, "tiers")
    if len(rows) > MAX_TIERS:
        raise fields.invalid("tiers")
    tiers: list[Tier] = []
    for row in rows:
        tier = _tier(row)
        if tier is None or (tier.volume <= tiers[-1].volume if tiers else tier.volume != 0):
            raise fields.invalid("tiers")
        tiers.append(tier)
    fields.only(body, 2, frozenset(["asset", "tiers"]))
    return SetFeeTiers(asset, tiers)


def _tier(row: object) -> Tier | None:
    if not isinstance(row, list) or len(row) != 3:
        return None
    volume = parse_digits(row[0])
    maker = row[1]
    taker = row[2]
    if volume < 0 or not isinstance(maker, int) or isinstance(maker, bool):
        return None
    if not isinstance(taker, int) or isinstance(taker, bool) or not 0 <= taker <= MAX_FEE:
        return None
    return Tier(volume, maker, taker) if -taker <= maker <= MAX_FEE else None


def set_market_status(body: Object) -> Command:
    """What a market allows."""
    market = fields.market(body)
    status = _market_status(body)
    fields.only(body, 2, frozenset(["market", "status"]))
    return SetMarketStatus(market, status)


def _market_status(body: Object) -> MarketStatus:
    status = MARKET_STATUSES.get(fields.text(body, "status"))
    if status is None:
        raise fields.invalid("status")
    return status


def uncross(body: Object) -> Command:
    """The end of an auction, and what comes after it: anything but another."""
    market = fields.market(body)
    status = _market_status(body)
    if status == AUCTION:
        raise fields.invalid("status")
    fields.only(body, 2, frozenset(["market", "status"]))
    return Uncross(market, status)


_LIMITS: Final = frozenset(
    [
        "market", "reference", "bid_up", "bid_down", "ask_up", "ask_down", "slippage_bps", "max_orders",
        "max_conditional", "max_parts", "max_position", "max_fills",
    ]
)  # fmt: skip


def set_market_limits(body: Object) -> Command:
    """A market's limits; those that are left out are none."""
    market = fields.market(body)
    limits = Limits(
        fields.amount(body, "reference") if "reference" in body else 0,
        _limit(body, "bid_up", MAX_BAND),
        _limit(body, "bid_down", MAX_BAND),
        _limit(body, "ask_up", MAX_BAND),
        _limit(body, "ask_down", MAX_BAND),
        _limit(body, "slippage_bps", POINTS - 1),
        _limit(body, "max_orders", MAX_LIMIT),
        _limit(body, "max_conditional", MAX_LIMIT),
        _limit(body, "max_parts", MAX_LIMIT),
        fields.amount(body, "max_position") if "max_position" in body else 0,
        _limit(body, "max_fills", MAX_LIMIT),
    )
    for name in body:
        if name != "v" and name != "type" and name not in _LIMITS:
            raise fields.surplus(body, _LIMITS | {"v", "type"})
    return SetMarketLimits(market, limits)


def _limit(body: Object, name: str, most: int) -> int:
    return fields.integer(body, name, 0, most) if name in body else 0


def open_account(body: Object) -> Command:
    """A new account."""
    command = OpenAccount(fields.ref(body))
    fields.only(body, 1, frozenset(["ref"]))
    return command


def set_account_status(body: Object) -> Command:
    """Whether an account may trade."""
    account = fields.account(body)
    status = ACCOUNT_STATUSES.get(fields.text(body, "status"))
    if status is None:
        raise fields.invalid("status")
    fields.only(body, 2, frozenset(["account", "status"]))
    return SetAccountStatus(account, status)


def set_stp(body: Object) -> Command:
    """An account's self-trade prevention."""
    command = SetStp(fields.account(body), self_trade(body))
    fields.only(body, 2, frozenset(["account", "stp"]))
    return command


def set_trade_group(body: Object) -> Command:
    """Whose orders count as one's own."""
    command = SetTradeGroup(fields.account(body), fields.integer(body, "group", 0, MAX_COUNT))
    fields.only(body, 2, frozenset(["account", "group"]))
    return command


def set_switch(body: Object) -> Command:
    """The dead man's switch."""
    command = SetSwitch(fields.account(body), fields.integer(body, "timeout_ms", 0, MAX_TIMEOUT_MS))
    fields.only(body, 2, frozenset(["account", "timeout_ms"]))
    return command


_TRANSFER: Final = frozenset(["account", "asset", "amount", "ref"])


def deposit(body: Object) -> Command:
    """Money that came in."""
    command = Deposit(fields.account(body), fields.asset(body), fields.amount(body, "amount"), fields.ref(body))
    fields.only(body, 4, _TRANSFER)
    return command


def withdraw(body: Object) -> Command:
    """Money that is to leave."""
    command = Withdraw(fields.account(body), fields.asset(body), fields.amount(body, "amount"), fields.ref(body))
    fields.only(body, 4, _TRANSFER)
    return command


def transfer(body: Object) -> Command:
    """Money that goes from one account to another."""
    command = Transfer(
        fields.account(body),
        fields.integer(body, "to", 0, MAX_COUNT),
        fields.asset(body),
        fields.amount(body, "amount"),
        fields.ref(body),
    )
    fields.only(body, 5, _TRANSFER | {"to"})
    return command


def record(body: Object) -> Command:
    """An act that has no effect on the engine."""
    by = fields.by(body)
    act = fields.text(body, "act")
    if ACT_PATTERN.fullmatch(act) is None:
        raise fields.invalid("act")
    subject = fields.ref(body, "subject")
    fields.only(body, 3, frozenset(["by", "act", "subject"]))
    return Record(by, act, subject)


def settle_withdrawal(body: Object) -> Command:
    """Money that has left."""
    command = SettleWithdrawal(fields.integer(body, "withdrawal", 1, MAX_COUNT))
    fields.only(body, 1, frozenset(["withdrawal"]))
    return command


def release_withdrawal(body: Object) -> Command:
    """Money that stays."""
    command = ReleaseWithdrawal(fields.integer(body, "withdrawal", 1, MAX_COUNT))
    fields.only(body, 1, frozenset(["withdrawal"]))
    return command
