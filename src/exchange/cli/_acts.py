"""The operator's acts that are commands in the log: for each the words on the command line, what it asks the engine,
and how the answer is told. What the words mean is read as the API reads it."""

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Shape
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError
from exchange.api.v1 import replies
from exchange.api.v1.routes import admin
from exchange.api.v1.routes.admin import fees_command, limits_command, market_command, status_command, tiers_command
from exchange.commands.types import (
    RULES,
    Administrative,
    CreateAsset,
    SetAccountStatus,
    SetRules,
    SetTradeGroup,
    Uncross,
)
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import LiveView
from exchange.terms.codes import Code
from exchange.terms.words import ACCOUNT_STATUSES, AUCTION, MARKET_STATUSES

Ask = Callable[[argparse.Namespace, LiveView], Administrative]
Tell = Callable[[argparse.Namespace, LiveView, Answer], Json]

_RATES: Final = ("maker_fee", "taker_fee")


class Act(NamedTuple):
    """One act. `ask` raises ApiError where a word is wrong."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    ask: Ask
    tell: Tell


def _create_asset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset")
    parser.add_argument("decimals")


def _create_market(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("market")
    parser.add_argument("--tick-size", required=True, help="in the quote asset, like 0.05")
    parser.add_argument("--lot-size", required=True, help="in the base asset, like 0.001")
    parser.add_argument("--min-notional", default="0", help="in the quote asset (%(default)s)")
    for name in _RATES:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, default="0", help="a fraction, like 0.001 for 0.1 %% (%(default)s)")


def _ask_status(args: argparse.Namespace, view: LiveView) -> Administrative:
    market = view.markets.get(args.market)
    if market is None:
        raise ApiError(Code.UNKNOWN_MARKET, "market")
    return status_command(market, MARKET_STATUSES[args.status])


def _set_fees(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("market")
    parser.add_argument(
        "--maker-fee", required=True, help="a fraction, like 0.001 for 0.1 %%; --maker-fee=-0.0001 pays"
    )
    parser.add_argument("--taker-fee", required=True, help="a fraction, like 0.001 for 0.1 %%")
    parser.add_argument("--tiered", action="store_true", help="follow the quote asset's table where there is one")


def _set_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("market")
    parser.add_argument("status", choices=list(MARKET_STATUSES))


def _uncross(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("market")
    parser.add_argument("status", choices=[status for status in MARKET_STATUSES if status != AUCTION])


def _set_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("market")
    for name in admin.LIMITS:
        parser.add_argument(f"--{name.replace('_', '-')}", help="none if it is left out")


def _set_fee_tiers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset", help="the quote asset")
    parser.add_argument("tiers", nargs="*", metavar="VOLUME:MAKER:TAKER", help="like 0:0.001:0.002; none takes it away")


def _set_account_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account")
    parser.add_argument("status", choices=list(ACCOUNT_STATUSES))


def _set_trade_group(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account")
    parser.add_argument("trade_group", help="0: none")


def _set_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rules", help=f"the newest is {RULES}")
    parser.add_argument("--dedup-names", default="1000000", help="how many names are remembered (%(default)s; 0: all)")


def _given(args: argparse.Namespace, shape: Shape) -> Fields:
    """The command line as the fields of a request."""
    return Fields({name: getattr(args, name) for name in shape}, shape)


def _account(args: argparse.Namespace) -> int:
    return _given(args, {"account": admin.ACCOUNT_NUMBER}).number("account")


def _ask_limits(args: argparse.Namespace, view: LiveView) -> Administrative:
    market = view.markets.get(args.market)
    if market is None:
        raise ApiError(Code.UNKNOWN_MARKET, "market")
    return limits_command(market, _given(args, admin.LIMITS))


def _ask_tiers(args: argparse.Namespace, view: LiveView) -> Administrative:
    decimals = view.assets.get(args.asset)
    if decimals is None:
        raise ApiError(Code.UNKNOWN_ASSET, "asset")
    rows = [Fields(dict(zip(admin.TIER, tier.split(":"), strict=False)), admin.TIER) for tier in args.tiers]
    return tiers_command(args.asset, decimals, rows)


ACTS: Final = {
    act.name: act
    for act in (
        Act(
            "create-asset",
            "a new asset",
            _create_asset,
            lambda args, _: CreateAsset(args.asset, _given(args, admin.ASSET).number("decimals")),
            lambda _, __, answer: replies.asset_created(answer.outcome),
        ),
        Act(
            "create-market",
            "a new market BASE-QUOTE, open at once",
            _create_market,
            lambda args, view: market_command(view.assets, _given(args, admin.MARKET)),
            lambda _, view, answer: replies.market_created(view, answer.outcome),
        ),
        Act(
            "set-fees",
            "fee rates for orders from now on",
            _set_fees,
            lambda args, _: fees_command(args.market, _given(args, admin.FEES)),
            lambda _, __, answer: replies.fees_set(answer.outcome),
        ),
        Act(
            "set-fee-tiers",
            "fee rates by 30-day volume, for all markets of a quote asset",
            _set_fee_tiers,
            _ask_tiers,
            lambda _, view, answer: replies.tiers_set(view, answer.outcome),
        ),
        Act(
            "set-status",
            "open, restrict or halt a market, or begin an auction",
            _set_status,
            _ask_status,
            lambda _, __, answer: replies.status_set(answer.outcome),
        ),
        Act(
            "uncross",
            "end an auction: trade what crosses at one price",
            _uncross,
            lambda args, _: Uncross(args.market, MARKET_STATUSES[args.status]),
            lambda args, view, answer: replies.uncrossed(view, answer.outcome, args.market),
        ),
        Act(
            "set-limits",
            "replace all protective limits of a market",
            _set_limits,
            _ask_limits,
            lambda _, view, answer: replies.limits_set(view, answer.outcome),
        ),
        Act(
            "set-account-status",
            "freeze an account, or open it again",
            _set_account_status,
            lambda args, _: SetAccountStatus(_account(args), ACCOUNT_STATUSES[args.status]),
            lambda _, __, answer: replies.account_status_set(answer.outcome),
        ),
        Act(
            "set-trade-group",
            "whose orders count as an account's own",
            _set_trade_group,
            lambda args, _: SetTradeGroup(
                _account(args), _given(args, {"trade_group": admin.TRADE_GROUP}).number("trade_group")
            ),
            lambda _, __, answer: replies.trade_group_set(answer.outcome),
        ),
        Act(
            "set-rules",
            "go over to a newer version of the rules, for good",
            _set_rules,
            lambda args, _: SetRules(
                _given(args, admin.RULES).number("rules"), _given(args, admin.RULES).number("dedup_names")
            ),
            lambda _, __, answer: replies.rules_set(answer.outcome),
        ),
    )
}
"""The acts by name."""
