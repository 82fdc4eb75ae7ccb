"""`exchange admin`: the operator's acts, on the machine that holds the keys.

What concerns the market goes through the command stream like everything else, and its result is read back before
anything is said; what concerns people goes to the database.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

import orjson

from exchange import logs
from exchange.api import replies
from exchange.api.commanding import Answer, CommandPath
from exchange.api.errors import ApiError
from exchange.api.following import Follower
from exchange.api.hub import Hub
from exchange.api.identity import ADMIN, USER, Identity, read_email
from exchange.api.reading import Fields
from exchange.api.routes.admin import fee, market_command
from exchange.api.tokens import OPERATOR, KeyUnusable, Tokens, load_key
from exchange.commands.types import Command, CreateAsset, SetMarketFees, SetMarketStatus
from exchange.effects.clock import AsyncClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError
from exchange.effects.redis_log import AsyncRedisLog
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import LiveView
from exchange.roles.stops import MustStop
from exchange.settings import Settings, SettingsError
from exchange.terms.amounts import MAX_DECIMALS
from exchange.terms.words import MARKET_STATUSES

HELP = "The operator's acts: tokens, administrators, assets, markets."

_MAX_MINUTES = 24 * 60

_Ask = Callable[[LiveView], Command]
_Tell = Callable[[LiveView, Answer], Json]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command for each act."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    token = acts.add_parser("token", help="print an administrator's token")
    token.add_argument("--minutes", type=int, default=15, help="how long it is valid (%(default)s)")
    for name, text in (("grant", "make a user an administrator"), ("revoke", "make them a plain user again")):
        acts.add_parser(name, help=text).add_argument("email")
    asset = acts.add_parser("create-asset", help="a new asset")
    asset.add_argument("asset")
    asset.add_argument("decimals", type=int)
    market = acts.add_parser("create-market", help="a new market BASE-QUOTE, open at once")
    market.add_argument("market")
    market.add_argument("--tick-size", required=True, help="in the quote asset, like 0.05")
    market.add_argument("--lot-size", required=True, help="in the base asset, like 0.001")
    market.add_argument("--min-notional", default="0", help="in the quote asset (%(default)s)")
    fees = acts.add_parser("set-fees", help="fee rates for orders from now on")
    fees.add_argument("market")
    for sub, default in ((market, "0"), (fees, None)):
        for side in ("maker", "taker"):
            text = f"a fraction, like 0.001 for 0.1 %%{' (%(default)s)' if default else ''}"
            sub.add_argument(f"--{side}-fee", required=default is None, default=default, help=text)
    status = acts.add_parser("set-status", help="open, restrict or halt a market")
    status.add_argument("market")
    status.add_argument("status", choices=list(MARKET_STATUSES))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do one act; 0 done, 1 refused, 2 could not be done."""
    logs.configure(replace(settings, log_level="warning"), "admin")
    try:
        if args.act == "token":
            return _token(settings, args.minutes)
        if args.act in ("grant", "revoke"):
            return asyncio.run(_set_role(settings, args.email, ADMIN if args.act == "grant" else USER))
        return asyncio.run(_command(settings, *_acts(args)))
    except ApiError as error:
        print(f"exchange admin: {error.code.value}: {error.message}", file=sys.stderr)
        return 1 if error.status < 500 else 2
    except (EffectError, MustStop, KeyUnusable) as error:
        print(f"exchange admin: {error}", file=sys.stderr)
        return 2


def _token(settings: Settings, minutes: int) -> int:
    if not 1 <= minutes <= _MAX_MINUTES:
        print(f"exchange admin: --minutes must be between 1 and {_MAX_MINUTES}", file=sys.stderr)
        return 2
    token, _ = Tokens(load_key(settings.keys_dir)).issue(OPERATOR, AsyncClock().now_ms(), minutes)
    print(token)
    return 0


async def _set_role(settings: Settings, email: str, role: str) -> int:
    if not settings.database_url:
        raise SettingsError("no database is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME")
    address = read_email(email)
    identity = Identity(settings.database_url, cost=4)
    try:
        found = await identity.set_role(address, role)
    finally:
        await identity.close()
    if not found:
        print(f"exchange admin: there is no user {address}", file=sys.stderr)
        return 1
    print(f"{address} is {role} now")
    return 0


def _acts(args: argparse.Namespace) -> tuple[_Ask, _Tell]:
    """What to ask the engine, and how to tell its answer."""
    if args.act == "create-asset":
        if not 0 <= args.decimals <= MAX_DECIMALS:
            raise SettingsError(f"decimals must be between 0 and {MAX_DECIMALS}")
        return (
            lambda _: CreateAsset(args.asset, args.decimals),
            lambda _, answer: replies.asset_created(answer.outcome),
        )
    if args.act == "create-market":
        names = ("market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee")
        market = Fields({name: getattr(args, name) for name in names}, names)
        return (
            lambda view: market_command(view.assets, market),
            lambda view, answer: replies.market_created(view, answer.outcome),
        )
    if args.act == "set-fees":
        rates = Fields({"maker_fee": args.maker_fee, "taker_fee": args.taker_fee}, ("maker_fee", "taker_fee"))
        return (
            lambda _: SetMarketFees(args.market, fee(rates, "maker_fee"), fee(rates, "taker_fee")),
            lambda _, answer: replies.fees_set(answer.outcome),
        )
    return (
        lambda _: SetMarketStatus(args.market, MARKET_STATUSES[args.status]),
        lambda _, answer: replies.status_set(answer.outcome),
    )


async def _command(settings: Settings, ask: _Ask, tell: _Tell) -> int:
    """Append a command and print its result."""
    if not settings.redis_url:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    reads, questions = (AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key) for _ in range(2))
    clock = AsyncClock()
    store = FileSnapshotStore(settings.snapshots)
    follower = Follower(reads, questions, store, clock, questions.pin, Hub(clock), None, with_tape=False)
    try:
        await follower.start()
        following = asyncio.create_task(follower.run())
        try:
            answer = await CommandPath(questions, follower).carry_out(ask(follower.view))
            print(orjson.dumps(tell(follower.view, answer)).decode())
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    finally:
        await follower.stop()
        await reads.aclose()
        await questions.aclose()
    return 0
