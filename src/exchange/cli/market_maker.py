"""`exchange market-maker`: two clients of the public API that keep markets alive."""

import argparse
import asyncio
import signal
import sys

from exchange import logs
from exchange.clients.credentials import CredentialsError, load_or_make
from exchange.clients.market_maker import MarketMaker, Plan
from exchange.clients.public_api import PublicApi
from exchange.compiled import REFUSAL
from exchange.demo import MARKETS
from exchange.settings import Settings
from exchange.supervisor.start import address
from exchange.terms.amounts import MAX_DECIMALS, AmountError, parse_decimal
from exchange.terms.words import MARKET_PATTERN

HELP = "Quote and trade as two clients of the public API, so that books, tape and charts live."

ANCHORS = {"TATA-INR": "1000", "BTC-USDT": "60000", "ETH-USDT": "3000"}
"""The prices that the demo markets come back to."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--markets",
        type=_markets,
        default={name: ANCHORS.get(name, "") for name in MARKETS},
        metavar="NAME[=PRICE],…",
        help=f"markets, each with the price to come back to (else where it is now): {','.join(MARKETS)}",
    )
    parser.add_argument("--seed", default="1", help="of all random numbers (%(default)s)")
    parser.add_argument(
        "--levels", type=int, choices=range(1, 51), default=5, metavar="1…50", help="a side (%(default)s)"
    )
    parser.add_argument("--interval", type=_seconds, default=1.0, help="seconds between turns (%(default)s)")
    parser.add_argument("--url", default="", help="the gateway's address (the settings' host and port)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    logs.configure(settings, "market-maker")
    try:
        maker = load_or_make(settings.keys_dir, "market-maker")
        taker = load_or_make(settings.keys_dir, "market-taker")
    except CredentialsError as error:
        print(f"exchange market-maker: {error}", file=sys.stderr)
        return REFUSAL
    url = args.url or address(settings)
    plan = Plan(args.markets, args.seed, args.levels, args.interval)
    asyncio.run(_serve(PublicApi(url, maker), PublicApi(url, taker), plan))
    return 0


async def _serve(maker: PublicApi, taker: PublicApi, plan: Plan) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await MarketMaker(maker, taker, plan).run(stopping)
    finally:
        await maker.close()
        await taker.close()


def _markets(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, price = part.partition("=")
        if MARKET_PATTERN.fullmatch(name) is None:
            raise argparse.ArgumentTypeError(f"{name!r} is no market's name, as TATA-INR")
        try:
            if price and parse_decimal(price, MAX_DECIMALS) == 0:
                raise AmountError("zero")
        except AmountError as error:
            raise argparse.ArgumentTypeError(f"{price!r} is no price ({error.reason})") from None
        found[name] = price or ANCHORS.get(name, "")
    return found


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.01 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("between 0.01 and 3600 seconds")
    return seconds
