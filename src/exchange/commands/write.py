"""Writing commands as the JSON objects that `codec` reads back."""

import orjson

from exchange.commands.fields import Object
from exchange.commands.types import (
    RULES,
    Administrative,
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
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.terms.words import PRICED


def encode(command: Command) -> bytes:
    """Write a command as the value of an entry's `c` field; `decode` gives it back.

    Raises:
        TypeError: it is no command.
    """
    body: Object = {"v": 1}
    if isinstance(command, Place):
        body["type"] = "place"
        body["account"] = command.account
        body["market"] = command.market
        _write_order(body, command)
    elif isinstance(command, Cancel):
        body["type"] = "cancel"
        body["account"] = command.account
        _write_named(body, "order", command.order, command.client_id)
    elif isinstance(command, Amend):
        body["type"] = "amend"
        body["account"] = command.account
        _write_amend(body, command)
    elif isinstance(command, (PlaceList, CancelList, CancelReplace, CancelAll, Batch)):
        _write_several(body, command)
    elif isinstance(command, (Deposit, Withdraw)):
        body["type"] = "deposit" if isinstance(command, Deposit) else "withdraw"
        body["account"] = command.account
        body["asset"] = command.asset
        body["amount"] = str(command.amount)
        body["ref"] = command.ref
    elif isinstance(command, (SetAccountStatus, SetStp, SetTradeGroup, SetSwitch)):
        body |= _setting(command)
    else:
        body |= _rest(command)
    if isinstance(command, Administrative) and command.by:
        body["by"] = command.by
    return orjson.dumps(body)


def _write_order(body: Object, order: Place) -> None:
    body["side"] = order.side
    body["order_type"] = order.order_type
    body["tif"] = order.tif
    if order.order_type in PRICED:
        body["price"] = str(order.price)
    if order.quote_amount:
        body["quote_amount"] = str(order.quote_amount)
    else:
        body["quantity"] = str(order.quantity)
    if order.client_id:
        body["client_id"] = order.client_id
    for name, value in order.instructions.named():
        body[name] = value


def _write_named(body: Object, name: str, number: int, client_id: str) -> None:
    """What a command is about: by the client's name or by its number."""
    if client_id:
        body["client_id"] = client_id
    else:
        body[name] = number


def _write_amend(body: Object, command: Amend) -> None:
    body["order"] = command.order
    body["quantity"] = str(command.quantity)


def _write_several(body: Object, command: PlaceList | CancelList | CancelReplace | CancelAll | Batch) -> None:
    if isinstance(command, PlaceList):
        body |= {"type": "place_list", "account": command.account, "market": command.market, "kind": command.kind}
        if command.client_id:
            body["client_id"] = command.client_id
        legs: list[Object] = [{} for _ in command.legs]
        for leg, order in zip(legs, command.legs, strict=True):
            _write_order(leg, order)
        body["legs"] = legs
    elif isinstance(command, CancelList):
        body |= {"type": "cancel_list", "account": command.account}
        _write_named(body, "order_list", command.order_list, command.client_id)
    elif isinstance(command, CancelReplace):
        body |= {"type": "cancel_replace", "account": command.cancel.account}
        _write_named(body, "order", command.cancel.order, command.cancel.client_id)
        body["stop_on_failure"] = command.stop_on_failure
        placed: Object = {"market": command.place.market}
        _write_order(placed, command.place)
        body["place"] = placed
    elif isinstance(command, CancelAll):
        body |= {"type": "cancel_all", "account": command.account}
        if command.market:
            body["market"] = command.market
    else:
        body |= {"type": "batch", "account": command.account, "items": [_item(item) for item in command.items]}


def _item(command: Command) -> Object:
    item: Object = {}
    if isinstance(command, Place):
        item |= {"type": "place", "market": command.market}
        _write_order(item, command)
    elif isinstance(command, Cancel):
        item["type"] = "cancel"
        _write_named(item, "order", command.order, command.client_id)
    elif isinstance(command, Amend):
        item["type"] = "amend"
        _write_amend(item, command)
    else:
        raise TypeError(f"not a part of a batch: {command!r}")
    return item


def _setting(command: SetAccountStatus | SetStp | SetTradeGroup | SetSwitch) -> Object:
    if isinstance(command, SetAccountStatus):
        return {"type": "set_account_status", "account": command.account, "status": command.status}
    if isinstance(command, SetStp):
        return {"type": "set_stp", "account": command.account, "stp": command.stp}
    if isinstance(command, SetTradeGroup):
        return {"type": "set_trade_group", "account": command.account, "group": command.group}
    return {"type": "set_switch", "account": command.account, "timeout_ms": command.timeout_ms}


def _rest(command: Command) -> Object:
    if isinstance(command, SettleWithdrawal):
        return {"type": "settle_withdrawal", "withdrawal": command.withdrawal}
    if isinstance(command, ReleaseWithdrawal):
        return {"type": "release_withdrawal", "withdrawal": command.withdrawal}
    if isinstance(command, Transfer):
        return {
            "type": "transfer",
            "account": command.account,
            "to": command.to,
            "asset": command.asset,
            "amount": str(command.amount),
            "ref": command.ref,
        }
    if isinstance(command, Record):
        return {"type": "record", "act": command.act, "subject": command.subject}
    if isinstance(command, OpenAccount):
        return {"type": "open_account", "ref": command.ref}
    if isinstance(command, SetMarketStatus):
        return {"type": "set_market_status", "market": command.market, "status": command.status}
    if isinstance(command, Uncross):
        return {"type": "uncross", "market": command.market, "status": command.status}
    if isinstance(command, SetMarketFees):
        rates: Object = {"maker_fee": command.maker_fee, "taker_fee": command.taker_fee}
        if command.tiered:
            rates["tiered"] = True
        return {"type": "set_market_fees", "market": command.market} | rates
    if isinstance(command, SetFeeTiers):
        rows = [[str(tier.volume), tier.maker_fee, tier.taker_fee] for tier in command.tiers]
        return {"type": "set_fee_tiers", "asset": command.asset, "tiers": rows}
    if isinstance(command, SetMarketLimits):
        return {"type": "set_market_limits", "market": command.market} | _limits(command.limits)
    if isinstance(command, CreateMarket):
        return {
            "type": "create_market",
            "market": command.market,
            "tick_size": str(command.tick_size),
            "lot_size": str(command.lot_size),
            "min_notional": str(command.min_notional),
            "maker_fee": command.maker_fee,
            "taker_fee": command.taker_fee,
        }
    if isinstance(command, CreateAsset):
        return {"type": "create_asset", "asset": command.asset, "decimals": command.decimals}
    if isinstance(command, OpenLog):
        opened: Object = {
            "type": "open_log",
            "log_id": command.log_id,
            "rules": command.rules,
            "dedup_window_ms": command.dedup_window_ms,
        }
        if command.rules >= 2:
            opened["dedup_names"] = command.dedup_names
        return opened | _known(command.rules)
    if isinstance(command, SetRules):
        return {"type": "set_rules", "rules": command.rules, "dedup_names": command.dedup_names} | _known(command.rules)
    if isinstance(command, Tick):
        return {"type": "tick"}
    raise TypeError(f"not a command: {command!r}")


def _known(rules: int) -> Object:
    """The newest version that is known here, beside a version that says so."""
    return {"known": RULES} if rules >= 3 else {}


def _limits(limits: Limits) -> Object:
    """The limits that are set: zero is none, and left out."""
    named: Object = {
        "reference": limits.reference,
        "bid_up": limits.bid_up,
        "bid_down": limits.bid_down,
        "ask_up": limits.ask_up,
        "ask_down": limits.ask_down,
        "slippage_bps": limits.slippage_bps,
        "max_orders": limits.max_orders,
        "max_conditional": limits.max_conditional,
        "max_parts": limits.max_parts,
        "max_position": limits.max_position,
        "max_fills": limits.max_fills,
    }
    return {
        name: str(limit) if name in {"reference", "max_position"} else limit for name, limit in named.items() if limit
    }
