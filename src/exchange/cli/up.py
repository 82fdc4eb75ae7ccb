"""`exchange up`: everything, from one command, until Ctrl-C."""

import argparse
import os
import sys
from dataclasses import replace

from exchange import compiled
from exchange.settings import Settings
from exchange.supervisor.start import up

HELP = "run the whole exchange: servers, every role, demo data; Ctrl-C stops it, the next start goes on from there"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="demo markets, accounts, faucet and market maker")


def run(args: argparse.Namespace, settings: Settings) -> int:
    compiled.check()
    return up(replace(settings, demo=True) if args.demo else settings, say)


def say(line: str) -> None:
    """Write a line to the screen; whoever stopped reading it does not stop the exchange."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
