"""`exchange standby`: the shadow engine as a process."""

import argparse

from exchange.cli._clock import open_clock, wait_ms
from exchange.cli._role import Stop, begin, open_log, serve
from exchange.effects.aside import Forked
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.roles.standby import Standby
from exchange.settings import Settings

HELP = "The shadow engine: checks every entry, takes the snapshots, and publishes when the engine is silent."


def configure(parser: argparse.ArgumentParser) -> None:
    """It has no arguments: how often and how many is in the settings."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Follow the log until told to stop."""
    begin(settings, "standby")
    stopping = Stop()
    aside = Forked()
    standby = Standby(
        open_log(settings, "engine", "standby"),
        FileSnapshotStore(settings.snapshots),
        BlockingClock(),
        aside,
        takeover_ms=settings.takeover_ms,
        every=settings.snapshot_every,
        seconds=settings.snapshot_seconds,
        keep=settings.snapshot_keep,
        wait_ms=wait_ms(settings),
        timers=open_clock(settings),
    )
    try:
        return serve("standby", standby.run(stopping))
    finally:
        aside.close()
