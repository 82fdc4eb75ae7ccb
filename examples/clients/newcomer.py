"""A newcomer's first minute: sign up, sign in, take demo money, make a key. Nothing but the standard library."""

import json
import secrets
import sys
from collections.abc import Mapping
from urllib.request import Request, urlopen

MONEY = {"USDT": "50000", "BTC": "1"}


class Newcomer:
    """Somebody new, with money and a key."""

    def __init__(self, url: str, money: Mapping[str, str] = MONEY) -> None:
        self.url = url.rstrip("/")
        self.ws = "ws" + self.url.removeprefix("http")
        self._token = ""
        credentials = {"email": f"{secrets.token_hex(6)}@example.org", "password": secrets.token_urlsafe(16)}
        self.post("signup", credentials)
        self._token = str(self.post("signin", credentials)["token"])
        for asset, amount in money.items():
            self.post("deposits", {"asset": asset, "amount": amount})
        made = self.post("api-keys", {"label": "examples"})
        self.key, self.secret = str(made["key"]), str(made["secret"])

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Ask the exchange's own API."""
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = Request(f"{self.url}/api/v1/{path}", json.dumps(body).encode(), headers)
        with urlopen(request, timeout=20) as answer:
            told = json.load(answer)
        if not isinstance(told, dict):
            raise TypeError(f"{path} answered {told!r}")
        return told


def from_command_line() -> Newcomer:
    """A newcomer at the address that the command line gives, or at the usual one."""
    return Newcomer(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")


def expect(condition: object, what: str) -> None:
    """Say what was seen; end when it was not."""
    if not condition:
        raise SystemExit(f"NOT AS EXPECTED: {what}")
    print(f"  {what}", flush=True)
