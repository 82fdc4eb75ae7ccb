"""Run freqtrade against a running exchange for some minutes, then ask the exchange what it saw of it.

    python examples/bot/run.py [URL] [--minutes N]

Ends with `bot complete: …`, or with an error when the bot did not trade.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FREQTRADE = HERE.parents[1] / ".clients" / "freqtrade" / "bin" / "freqtrade"
sys.path.insert(0, str(HERE.parent / "clients"))

from newcomer import Newcomer  # noqa: E402 - found by the line above

from exchange.client import Client, Key  # noqa: E402 - stands below it

TAKING = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
"""Orders at the other side's best price."""


def main() -> int:
    """Exit code 0 when the bot has bought and sold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--minutes", type=float, default=3.0)
    given = parser.parse_args()
    me = Newcomer(given.url)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(configuration(me), indent=2))
        said = run(config, folder, given.minutes * 60)
    with Client(me.url, Key(me.key, me.secret)) as exchange:
        fills = exchange.fills(limit=500)
    bought = sum(fill.quantity for fill in fills if fill.kind == "buy")
    sold = sum(fill.quantity for fill in fills if fill.kind == "sell")
    if not bought or not sold:
        print(said[-6000:])
        print(f"the bot bought {bought} and sold {sold} BTC: it should have done both")
        return 1
    print(f"bot complete: {len(fills)} trades, bought {bought} and sold {sold} BTC")
    return 0


def run(config: Path, folder: str, seconds: float) -> str:
    """What freqtrade says in so long."""
    command = [FREQTRADE, "trade", "-c", config, "--userdir", folder, "--strategy", "Restless", "--strategy-path", HERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) as bot:
        try:
            said, _ = bot.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            bot.send_signal(signal.SIGINT)
            said, _ = bot.communicate(timeout=60)
    return said


def configuration(me: Newcomer) -> dict[str, object]:
    """Freqtrade's configuration: live trading with a newcomer's key at our addresses."""
    addresses = {
        "urls": {
            "api": {
                "public": f"{me.url}/api/v3",
                "private": f"{me.url}/api/v3",
                "v1": f"{me.url}/api/v1",
                "sapi": f"{me.url}/sapi/v1",
                "ws": {"spot": f"{me.ws}/ws", "ws-api": {"spot": f"{me.ws}/ws-api/v3"}},
            }
        },
        "options": {"fetchMarkets": {"types": ["spot"]}},
    }
    return {
        "initial_state": "running",
        "dry_run": False,
        "max_open_trades": 1,
        "stake_currency": "USDT",
        "stake_amount": 100,
        "timeframe": "1m",
        "entry_pricing": TAKING,
        "exit_pricing": TAKING,
        "unfilledtimeout": {"entry": 1, "exit": 1},
        "exchange": {
            "name": "binance",
            "key": me.key,
            "secret": me.secret,
            "ccxt_config": addresses,
            "ccxt_async_config": addresses,
            "pair_whitelist": ["BTC/USDT"],
        },
        "pairlists": [{"method": "StaticPairList"}],
        "internals": {"process_throttle_secs": 2},
    }


if __name__ == "__main__":
    sys.exit(main())
