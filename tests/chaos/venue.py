"""The exchange under its own supervisor, seen as processes that can be found by what they are."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from exchange.settings import Settings, load
from tests.chaos.power import Power
from tests.chaos.told import Json
from tests.e2e.running import Exchange, User, free_port, running

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "engine": ("-m exchange engine",),
    "standby": ("-m exchange standby",),
    "gateway": ("-m exchange api",),
    "projector": ("-m exchange project timescale",),
    "journal": ("-m exchange project journal",),
    "streams": ("-server", "unixsocket"),
    "database": ("postgres", "-D"),
}
"""Words of each role's command line."""

SERVERS: Final = frozenset(["streams", "database"])

SETTINGS: Final = {
    "EXCHANGE_GATEWAYS": "2",
    "EXCHANGE_STANDBYS": "2",
    "EXCHANGE_SNAPSHOT_EVERY": "300",
    "EXCHANGE_SNAPSHOT_SECONDS": "5",
    "EXCHANGE_JOURNAL_EVERY": "200",
    "EXCHANGE_JOURNAL_SECONDS": "1",
    "EXCHANGE_STREAM_KEEP": "1000",
    "EXCHANGE_TOKEN_MINUTES": "1440",
    "EXCHANGE_LOG_LEVEL": "warning",
}
"""Everything small, so that it happens often."""


class Venue:
    """One exchange that runs, and what can be known of it from outside."""

    def __init__(self, exchange: Exchange, power: Power, environ: Mapping[str, str]) -> None:
        self.exchange = exchange
        self.power = power
        self.environ = environ
        """What further roles in this home are started with."""

    @property
    def settings(self) -> Settings:
        """The settings that a command in this home would have, with the operator's way to the streams."""
        found = load(self.environ)
        return replace(found, redis_url=found.redis_for("operator"))

    def found(self, role: str) -> list[psutil.Process]:
        """The supervised processes of a role, in the order of their pids; none while it is being started again."""
        words = ROLES[role]
        matching = []
        for process in psutil.Process(self.exchange.process.pid).children():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if all(word in line for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                    matching.append(process)
        return sorted(matching, key=lambda process: process.pid)

    def family(self, process: psutil.Process) -> list[psutil.Process]:
        """A process and all below it."""
        with suppress(psutil.Error):
            return [process, *process.children(recursive=True)]
        return [process]

    def has(self, role: str) -> bool:
        """Whether the exchange runs this role at all."""
        return bool(self.found(role))

    def refusals(self) -> list[str]:
        """What the supervisor said of roles that ended without having been killed."""
        odd = []
        for line in self.exchange.said:
            server = any(f"{name} " in line for name in ("valkey", "postgres"))
            if "refuses to run" in line or (" ended with code " in line and not server):
                odd.append(line)
        return [*odd, *self._tracebacks()] if odd else []

    def _tracebacks(self) -> Iterator[str]:
        """The end of each role's log that tells of an error nobody foresaw."""
        for log in sorted((Path(self.environ["EXCHANGE_HOME"]) / "logs").glob("*.log")):
            text = log.read_text(errors="replace")
            if "Traceback" in text:
                yield f"{log.name}: {text[text.rindex('Traceback') :][-2000:]}"

    def sign_up(self, name: str) -> User:
        """A new user, signed in for as long as a token lasts."""
        return self.exchange.join(name)

    def operator(self) -> str:
        """An operator's token, valid for a day."""
        return self.exchange.command("admin", "token", "--minutes", "1440").split()[-1]

    def list_market(self, token: str, asset_places: Mapping[str, int], market: Json) -> None:
        """Make a market and those of its assets that are missing."""
        there = {one["asset"] for one in self.exchange.ok("GET", "/api/v1/assets")["assets"]}
        for asset in market["market"].split("-"):
            if asset not in there:
                body = {"asset": asset, "decimals": asset_places[asset]}
                self.exchange.ok("POST", "/api/v1/admin/assets", body, token)
        self.exchange.ok("POST", "/api/v1/admin/markets", market, token)


@contextmanager
def open_venue(folder: Path) -> Iterator[Venue]:
    """`exchange up` in a home below `folder`, ready; nothing of it is left afterwards but the files."""
    home, port = folder / "home", free_port()
    power = Power(folder / "power", home / "valkey")
    chosen = {**SETTINGS, "EXCHANGE_JOURNAL_FOLDER": str(folder / "segments"), **power.environ()}
    with running(home, port, chosen) as exchange:
        exchange.wait_ready()
        yield Venue(exchange, power, {**chosen, "EXCHANGE_HOME": str(home), "EXCHANGE_PORT": str(port)})
