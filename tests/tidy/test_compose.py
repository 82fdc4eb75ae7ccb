"""compose.yaml and the Dockerfile speak of commands, settings and files that exist."""

import re
import signal
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

from exchange.cli.main import COMMANDS
from exchange.effects.redis import users as redis_users
from exchange.embedded import valkey
from exchange.embedded.process import Readiness, end, spawn, wait_ready
from exchange.settings import Settings, load, variable

ROOT = Path(__file__).parents[2]
USERS = {
    "engine": "engine",
    "standby": "engine",
    "project": "projector",
    "journal": "journal",
    "api": "gateway",
    "doctor": "operator",
    "migrate": "",
    "market-maker": "",
}
"""The roles, and as which user each logs in to the streams."""
ROLES = set(USERS)
WITHOUT_DATABASE = {"engine", "standby", "market-maker"}
SERVERS = {"valkey", "database"}
PROFILES = {"market-maker": ["demo"], "doctor": ["operator"]}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def filled(text: str) -> str:
    """A value with its variables replaced, as compose does it."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda match: match[2] or f"secret{match[1]}", text)


def password(user: str) -> str:
    return f"secret{user.upper()}_PASSWORD"


def test_there_is_a_service_for_each_role_and_server(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == ROLES | SERVERS


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_runs_an_existing_command_with_known_settings(compose: dict[str, Any], role: str) -> None:
    service = compose["services"][role]
    assert service["command"][0] in COMMANDS
    known = {variable(field.name) for field in fields(Settings)}
    assert set(service["environment"]) <= known
    settings = load({name: filled(str(value)) for name, value in service["environment"].items()})
    user = USERS[role]
    assert settings.redis_url == (f"redis://{user}:{password(user)}@valkey:6379/0" if user else "")
    database = "postgresql://exchange:secretPOSTGRES_PASSWORD@database:5432/exchange"
    assert settings.database_url == ("" if role in WITHOUT_DATABASE else database)
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


def test_market_maker_and_doctor_come_only_when_asked_for(compose: dict[str, Any]) -> None:
    services = compose["services"].items()
    assert {name: service["profiles"] for name, service in services if "profiles" in service} == PROFILES


def test_no_password_has_a_default_and_each_is_of_one_user() -> None:
    text = (ROOT / "compose.yaml").read_text()
    named = re.findall(r"\$\{(\w*PASSWORD)([^}]*)\}", text)
    assert {name for name, _ in named} == {f"{user.upper()}_PASSWORD" for user in redis_users.NAMES} | {
        "POSTGRES_PASSWORD"
    }
    assert {rest for _, rest in named} == {":?choose one"}


def test_the_stream_users_are_those_of_the_table(compose: dict[str, Any]) -> None:
    lines = filled(compose["configs"]["stream-users"]["content"]).splitlines()
    known = {name: password(name) for name in redis_users.NAMES}
    hashed = [re.sub(r">(\S+)", lambda match: f"#{sha256(match[1].encode()).hexdigest()}", line) for line in lines]
    assert hashed == redis_users.acl_file(known, "exchange")


def test_the_stream_server_takes_its_options_and_keeps_its_promises(compose: dict[str, Any], tmp_path: Path) -> None:
    _, *options = [filled(text) for text in compose["services"]["valkey"]["command"]]
    pairs = dict(zip(options[::2], options[1::2], strict=False))
    assert pairs["--appendfsync"] == "always"
    assert pairs["--maxmemory-policy"] == "noeviction"
    (config,) = compose["services"]["valkey"]["configs"]
    assert pairs["--aclfile"] == config["target"]
    rules = tmp_path / "users.acl"
    rules.write_text(filled(compose["configs"][config["source"]]["content"]))
    options[options.index("--aclfile") + 1] = str(rules)
    place = ["--port", "0", "--unixsocket", "s", "--dir", str(tmp_path)]
    log = tmp_path / "log"
    server = spawn([str(valkey.find_binary()), *options, *place], log=log, cwd=tmp_path)
    try:
        url = f"unix://gateway:{password('gateway')}@{tmp_path}/s"
        client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        wait_ready(server, lambda: answers(client), name="the stream server", log=log)
        client.xadd("exchange:commands", {"c": "{}"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.delete("exchange:commands")
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
