"""Settings come from the environment, wrong ones are named, and passwords are not shown."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from exchange.cli.main import main
from exchange.effects.redis import passwords as redis_passwords
from exchange.effects.redis import users as redis_users
from exchange.settings import Settings, SettingsError, load, variable
from exchange.supervisor.home import masked


def test_each_setting_is_read_from_its_variable(tmp_path: Path) -> None:
    texts = {
        "home": str(tmp_path),
        "snapshots": str(tmp_path / "s"),
        "host": "::1",
        "port": "9000",
        "gateways": "2",
        "redis_url": "redis://127.0.0.1/1",
        "database_url": "postgresql://u@127.0.0.1/d",
        "streams": "other",
        "fsync": "everysec",
        "timescale": "off",
        "demo": "yes",
        "snapshot_every": "10",
        "snapshot_seconds": "11",
        "snapshot_keep": "4",
        "standbys": "2",
        "takeover_ms": "50",
        "replicas": "1",
        "replicas_on_disk": "yes",
        "stream_memory_mb": "100",
        "stream_keep": "5000",
        "journal_every": "7",
        "journal_seconds": "8",
        "journal_folder": str(tmp_path / "j"),
        "token_minutes": "12",
        "session_days": "13",
        "limit_weight": "1",
        "limit_raw": "2",
        "limit_connections": "3",
        "limit_orders_10s": "4",
        "limit_orders_day": "0",
        "proxies": "10.0.0.7, 2001:db8::/32",
        "log_level": "debug",
    }
    names = [field.name for field in fields(Settings)]
    assert set(texts) >= set(names), "a new setting: say here how it is read"
    settings = load({variable(name): text for name, text in texts.items() if name != "replicas_on_disk"})
    on_disk = load({variable(name): texts[name] for name in ("replicas", "replicas_on_disk")})
    default = load({})
    for name in names:
        of = on_disk if name == "replicas_on_disk" else settings  # which goes with the default fsync only
        assert getattr(of, name) != getattr(default, name), name
    assert settings.commands_key == "other:commands"


@pytest.mark.parametrize(
    "name,text,said",
    [
        ("EXCHANGE_PORT", "eighty", "EXCHANGE_PORT must be a whole number"),
        ("EXCHANGE_PROXIES", "10.0.0.7,proxy", "EXCHANGE_PROXIES is a list of addresses and networks"),
        ("EXCHANGE_PROXIES", "10.0.0.7/8", "has host bits set"),
        ("EXCHANGE_LIMIT_WEIGHT", "-1", "EXCHANGE_LIMIT_WEIGHT must be between 0 and"),
        ("EXCHANGE_PORT", "0", "EXCHANGE_PORT must be between 1 and 65535"),
        ("EXCHANGE_PORT", "65536", "EXCHANGE_PORT must be between 1 and 65535"),
        ("EXCHANGE_DEMO", "perhaps", "EXCHANGE_DEMO must be yes or no"),
        ("EXCHANGE_FSYNC", "never", "EXCHANGE_FSYNC must be one of always, everysec"),
        ("EXCHANGE_GATEWAYS", "0", "EXCHANGE_GATEWAYS must be at least 1"),
        ("EXCHANGE_SNAPSHOT_KEEP", "1", "EXCHANGE_SNAPSHOT_KEEP must be at least 2"),
        ("EXCHANGE_LOG_LEVEL", "loud", "EXCHANGE_LOG_LEVEL must be"),
        ("EXCHANGE_STREAMS", "a*", "EXCHANGE_STREAMS may have letters"),
    ],
)
def test_a_wrong_value_is_named(name: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({name: text})


def test_values_that_do_not_go_together_are_named() -> None:
    on_disk = {"EXCHANGE_REPLICAS_ON_DISK": "yes"}
    with pytest.raises(SettingsError, match="set EXCHANGE_REPLICAS too"):
        load(on_disk)
    with pytest.raises(SettingsError, match="EXCHANGE_REPLICAS_ON_DISK needs EXCHANGE_FSYNC=always"):
        load({**on_disk, "EXCHANGE_REPLICAS": "1", "EXCHANGE_FSYNC": "everysec"})


def test_a_wrong_value_ends_any_command_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXCHANGE_PORT", "eighty")
    assert main(["settings"]) == 2
    assert "EXCHANGE_PORT must be a whole number" in capsys.readouterr().err


def test_servers_of_the_running_exchange_are_found_unless_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    note = {"redis_url": "unix:///x.sock", "database_url": "postgresql:///d"}
    (tmp_path / "run" / "servers.json").write_text(json.dumps(note))
    found = load({"EXCHANGE_HOME": str(tmp_path)})
    assert (found.redis_url, found.database_url) == ("unix:///x.sock", "postgresql:///d")
    named = load({"EXCHANGE_HOME": str(tmp_path), "REDIS_URL": "redis://127.0.0.1"})
    assert (named.redis_url, named.database_url) == ("redis://127.0.0.1", "postgresql:///d")


def test_a_roles_address_has_its_credentials_only_where_the_server_is_this_homes_own(tmp_path: Path) -> None:
    passwords = redis_passwords.load_or_make(tmp_path / "keys")
    (tmp_path / "run").mkdir()
    note = {"redis_url": "unix:///x.sock?db=0", "database_url": "", "passwords": str(tmp_path / "keys/streams.json")}
    (tmp_path / "run" / "servers.json").write_text(json.dumps(note))
    own = load({"EXCHANGE_HOME": str(tmp_path)})
    assert own.redis_url == "unix:///x.sock?db=0"
    for user in redis_users.NAMES:
        assert own.redis_for(user) == f"unix://{user}:{passwords[user]}@/x.sock?db=0"
    for named in (
        "unix:///y.sock",
        "redis://u:p@127.0.0.1/0",
        "redis://:p@127.0.0.1",
        "unix:///x.sock?db=0&password=p",
    ):
        assert load({"EXCHANGE_HOME": str(tmp_path), "REDIS_URL": named}).redis_for("engine") == named
    with pytest.raises(SettingsError, match="no stream server is known"):
        load({"EXCHANGE_HOME": str(tmp_path / "other")}).redis_for("engine")


def test_passwords_that_others_can_read_or_that_are_gone_are_refused(tmp_path: Path) -> None:
    redis_passwords.load_or_make(tmp_path)
    file = tmp_path / "streams.json"
    file.chmod(0o644)
    with pytest.raises(redis_passwords.PasswordsUnusable, match="can be read by others: run chmod 600"):
        redis_passwords.load_or_make(tmp_path)
    file.unlink()
    with pytest.raises(redis_passwords.PasswordsUnusable, match=r"cannot be read from .* set REDIS_URL"):
        redis_passwords.load(file)


def test_a_home_with_a_mark_is_a_sandbox(tmp_path: Path) -> None:
    settings = load({"EXCHANGE_HOME": str(tmp_path), "EXCHANGE_STREAMS": "s"})
    assert (settings.sandbox, settings.clock_key) == (False, "")
    (tmp_path / "sandbox.json").write_text("{}")
    assert (settings.sandbox, settings.clock_key) == (True, "s:clock")


def test_all_settings_are_printed_with_their_source_and_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXCHANGE_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://:hidden@127.0.0.1:6379/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden@127.0.0.1/exchange?host=/run/x")
    assert main(["settings"]) == 0
    printed = capsys.readouterr().out
    lines = {line.split()[0]: line for line in printed.splitlines()}
    assert list(lines) == [variable(field.name) for field in fields(Settings)]
    assert "hidden" not in printed
    assert "redis://:***@127.0.0.1:6379/0" in lines["REDIS_URL"]
    assert "postgresql://user:***@127.0.0.1/exchange?host=/run/x" in lines["DATABASE_URL"]
    assert lines["EXCHANGE_HOME"].endswith("environment")
    assert lines["EXCHANGE_SNAPSHOTS"].endswith("EXCHANGE_HOME")
    assert lines["EXCHANGE_FSYNC"].endswith("default")


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1/0", "unix:///x/y.sock?db=0", "postgresql://exchange@/exchange?host=/x"]
)
def test_an_address_without_password_is_shown_as_it_is(url: str) -> None:
    assert masked(url) == url


def test_the_factory_makes_settings_of_its_own(make_settings: Callable[..., Settings]) -> None:
    assert make_settings(port=9001).port == 9001
    assert make_settings().home != load({}).home


def test_the_snapshots_are_those_of_what_runs_in_the_home(tmp_path: Path) -> None:
    assert load({"EXCHANGE_HOME": "var"}).snapshots == load({}).snapshots == Path("snapshots").absolute()
    home = {"EXCHANGE_HOME": str(tmp_path)}
    assert load(home).snapshots == tmp_path / "snapshots"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "servers.json").write_text(json.dumps({"snapshots": str(tmp_path / "elsewhere")}))
    assert load(home).snapshots == tmp_path / "elsewhere"
    assert load(home | {"EXCHANGE_SNAPSHOTS": str(tmp_path / "mine")}).snapshots == tmp_path / "mine"
