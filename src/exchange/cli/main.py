"""The command line: finds the sub-command's module, reads the settings, runs it.

A sub-command is a module of this package, named below, with `HELP` (one line), `configure(parser)` and
`run(args, settings) -> int`, the exit code. Modules are imported only when named, so that `exchange replay` does not
load the web server.
"""

import argparse
import importlib
import os
import sys
from typing import Protocol, cast

from exchange import __version__
from exchange.settings import Settings, SettingsError, load


class SubCommand(Protocol):
    """What a sub-command's module offers."""

    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the sub-command's arguments."""

    def run(self, args: argparse.Namespace, settings: Settings) -> int:
        """Do it; the exit code."""


COMMANDS: dict[str, str] = {
    "up": "run the whole exchange: servers, every role, demo data",
    "down": "stop the exchange that runs in this home",
    "engine": "role: the matching engine",
    "standby": "role: the shadow engine that checks every entry and takes snapshots",
    "api": "role: the gateway, REST and WebSocket",
    "project": "role: a projection of the event stream",
    "market-maker": "role: quotes and trades as a client of the public API",
    "audit": "verify, explain, sign and prove the log",
    "restore": "bring the streams back from the journal",
    "replay": "re-execute the log and compare every entry",
    "at": "books, balances and open orders at any past moment",
    "fork": "a sandbox: a new home with the log up to a moment, or an empty one",
    "clock": "a sandbox's clock: show it, pause, step, run, set",
    "drive": "feed a recorded order flow through the running exchange",
    "migrate": "bring the database schema up to date",
    "admin": "operator's acts: tokens, roles, markets",
    "doctor": "how every part stands, and what a crash would cost now",
    "acl": "the stream users' rules, for a stream server of one's own",
    "settings": "print the settings in force and where each comes from",
}


def parser() -> argparse.ArgumentParser:
    """The top-level parser; sub-commands get their own once they are named."""
    lines = "\n".join(f"  {name:<14}{text}" for name, text in COMMANDS.items())
    top = argparse.ArgumentParser(
        prog="exchange",
        description="A self-hosted spot exchange whose every state change can be replayed.",
        epilog=f"commands:\n{lines}\n\n`exchange COMMAND --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"exchange {__version__}")
    top.add_argument("command", metavar="COMMAND", choices=list(COMMANDS))
    top.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; the exit code is its own, 2 for what could not be run."""
    args = parser().parse_args(argv)
    module = cast(SubCommand, importlib.import_module(f"exchange.cli.{args.command.replace('-', '_')}"))
    own = argparse.ArgumentParser(prog=f"exchange {args.command}", description=module.HELP)
    module.configure(own)
    own_args = own.parse_args(args.rest)
    try:
        settings = load()
        return module.run(own_args, settings)
    except SettingsError as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
