"""`exchange doctor`: how every part stands, what needs attention, and what a crash now would cost.

It only reads, and works when parts are down. Exit codes: 0 all is well, 1 something needs attention (named, with what
to do), 2 it could not run.
"""

import argparse
import sys
from dataclasses import asdict, replace
from urllib.parse import urlsplit

import orjson

from exchange.doctor.examine import examine
from exchange.doctor.telling import lines
from exchange.effects import role_states
from exchange.settings import Settings
from exchange.supervisor.home import Home
from exchange.supervisor.start import reach

HELP = "How every part stands, and what a crash now would cost: 0 fine, 1 something needs attention, 2 could not run."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--host", default="", help="where the gateway is asked (the settings' host)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Examine; the exit code."""
    running = Home(settings).running()
    supervised = role_states.read(settings.run_dir) if running else []
    if running and (port := urlsplit(running.url).port):
        settings = replace(settings, port=port)  # whatever this shell says: it is that exchange that is looked at
    try:
        survey = examine(settings, args.host or reach(settings.host), supervised)
    except ValueError as error:
        print(f"exchange doctor: an address makes no sense: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(orjson.dumps(asdict(survey), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in lines(survey):
            print(line)
    return 1 if survey.concerns else 0
