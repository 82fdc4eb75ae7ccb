"""`exchange api`: the gateway as a process."""

import argparse
import sys

import structlog
import uvloop

from exchange.api.server import run as serve
from exchange.cli._role import begin
from exchange.compiled import REFUSAL
from exchange.effects.key_files import KeyUnusable
from exchange.effects.ports import EffectError
from exchange.roles.stops import MustStop
from exchange.settings import Settings, SettingsError

HELP = "The gateway: REST and WebSocket. Several share a port with EXCHANGE_GATEWAYS above 1."

_logger = structlog.get_logger(__name__)


def configure(_parser: argparse.ArgumentParser) -> None:
    """It has no arguments: address and port are in the settings."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Serve until told to stop."""
    if not settings.redis_url:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    begin(settings, "api")
    try:
        uvloop.run(serve(settings))
    except (MustStop, EffectError, KeyUnusable) as refusal:
        print(f"exchange api: {type(refusal).__name__}: {refusal}", file=sys.stderr, flush=True)
        return REFUSAL
    except OSError as error:
        print(
            f"exchange api: cannot listen on {settings.host}:{settings.port}: {error}. Choose another EXCHANGE_PORT, "
            "or stop what listens there.",
            file=sys.stderr,
            flush=True,
        )
        return REFUSAL
    return 0
