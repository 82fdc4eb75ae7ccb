"""`exchange down`: stop the exchange that runs in this home, and wait until it has."""

import argparse
import sys

from exchange.settings import Settings
from exchange.supervisor.home import Home, HomeError

HELP = "stop the exchange that runs in this home"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="how long to wait for it (60)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        stopped = Home(settings).stop_running(args.wait)
    except HomeError as error:
        print(f"exchange down: {error}", file=sys.stderr)
        return 1
    if stopped is None:
        print(f"nothing runs in {settings.home}")
    else:
        print(f"stopped process {stopped.pid}, {stopped.url}")
    return 0
