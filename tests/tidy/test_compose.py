"""compose.yaml and the Dockerfile speak of commands, settings and files that exist."""

import re
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

from exchange.cli.main import COMMANDS
from exchange.embedded import valkey
from exchange.embedded.process import Readiness, end, spawn, wait_ready
from exchange.settings import Settings, load, variable

ROOT = Path(__file__).parents[2]
ROLES = {"migrate", "engine", "standby", "project", "api", "market-maker"}
SERVERS = {"valkey", "database"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def filled(text: str) -> str:
    """A value with its variables replaced, as compose does it."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda match: match[2] or "secret", text)


def test_there_is_a_service_for_each_role_and_server(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == ROLES | SERVERS


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_runs_an_existing_command_with_known_settings(compose: dict[str, Any], role: str) -> None:
    service = compose["services"][role]
    assert service["command"][0] in COMMANDS
    known = {variable(field.name) for field in fields(Settings)}
    assert set(service["environment"]) <= known
    settings = load({name: filled(str(value)) for name, value in service["environment"].items()})
    assert settings.redis_url == "redis://:secret@valkey:6379/0"
    assert settings.database_url == "postgresql://exchange:secret@database:5432/exchange"
    assert settings.timescale == "on"
    assert str(settings.home) == service["volumes"][0].partition(":")[2]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_waits_for_what_it_needs_and_can_do_little_else(compose: dict[str, Any], role: str) -> None:
    service = compose["services"][role]
    waits = service["depends_on"]
    assert set(waits) <= set(compose["services"])
    for name, how in waits.items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in compose["services"][name]
    if role not in {"migrate", "market-maker"}:
        assert waits["migrate"]["condition"] == "service_completed_successfully"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_only_the_gateway_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])
    assert compose["networks"]["inner"]["internal"] is True


def test_the_market_maker_comes_only_when_asked_for(compose: dict[str, Any]) -> None:
    with_profile = [name for name, service in compose["services"].items() if "profiles" in service]
    assert with_profile == ["market-maker"]


def test_the_stream_server_takes_its_options_and_keeps_its_promises(compose: dict[str, Any], tmp_path: Path) -> None:
    _, *options = [filled(text) for text in compose["services"]["valkey"]["command"]]
    pairs = dict(zip(options[::2], options[1::2], strict=False))
    assert pairs["--appendfsync"] == "always"
    assert pairs["--maxmemory-policy"] == "noeviction"
    assert {f"-{name}" for name in valkey.FORBIDDEN} <= set(options)
    place = ["--port", "0", "--unixsocket", "s", "--dir", str(tmp_path)]
    log = tmp_path / "log"
    server = spawn([str(valkey.find_binary()), *options, *place], log=log, cwd=tmp_path)
    try:
        client = redis.Redis(unix_socket_path=str(tmp_path / "s"), password="secret", retry=Retry(NoBackoff(), 0))
        wait_ready(server, lambda: answers(client), name="the stream server", log=log)
        client.xadd("log", {"a": "b"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.delete("log")
        stranger = redis.Redis(unix_socket_path=str(tmp_path / "s"))
        with pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
    finally:
        end(server, signal.SIGTERM, 10.0)


def answers(client: redis.Redis) -> Readiness:
    try:
        return "ready" if client.ping() else "no"
    except redis.exceptions.ConnectionError:
        return "no"


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(Path(name).match(pattern) for pattern in let_in), name


def test_the_image_does_not_run_as_root() -> None:
    assert "USER exchange" in (ROOT / "Dockerfile").read_text().splitlines()
