"""A sandbox's mark, what `exchange up` refuses in its home, and the words of `exchange clock` and `exchange fork`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.cli.main import main
from exchange.effects import sandbox_mark
from exchange.effects.sandbox_mark import Mark, MarkUnreadable
from exchange.settings import Settings
from exchange.supervisor.home import HomeError
from exchange.supervisor.start import refuse_shared

MARK = Mark("a" * 32, "5-0", "00" * 32, "/somewhere", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    MARK.write(tmp_path)
    return tmp_path


def test_a_mark_is_read_as_it_was_written(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert sandbox_mark.read(home) == MARK
    assert sandbox_mark.read(tmp_path_factory.mktemp("other")) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"log_id": "x"}', "\xff"])
def test_a_mark_that_says_nothing_is_refused(home: Path, text: str) -> None:
    (home / sandbox_mark.FILE).write_text(text, "latin-1")
    with pytest.raises(MarkUnreadable, match="make the sandbox anew"):
        sandbox_mark.read(home)


def test_who_signs_up_follows_from_the_log_and_the_email(home: Path) -> None:
    other = replace(MARK, log_id="b" * 32)
    people = {mark.subject(email) for mark in (MARK, other) for email in ("a@example.org", "b@example.org")}
    assert len(people) == 4
    assert MARK.subject("a@example.org") in people


@pytest.mark.parametrize(
    "shared, named",
    [
        ({"redis_url": "redis://elsewhere/0"}, "REDIS_URL"),
        ({"database_url": "postgresql://elsewhere/x"}, "DATABASE_URL"),
        ({"journal_folder": "/elsewhere"}, "EXCHANGE_JOURNAL_FOLDER"),
        ({"snapshots": Path("/elsewhere")}, "EXCHANGE_SNAPSHOTS"),
    ],
)
def test_a_sandbox_keeps_to_its_own_home(
    make_settings: Callable[..., Settings], home: Path, shared: dict[str, object], named: str
) -> None:
    settings = make_settings(home=home)
    refuse_shared(settings)
    with pytest.raises(HomeError, match=f"unset {named}$"):
        refuse_shared(replace(settings, **shared))  # type: ignore[arg-type]
    refuse_shared(replace(make_settings(home=home.parent), **shared))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words, said",
    [
        (["clock", "step", "90"], "like 90s"),
        (["clock", "step", "0s"], "like 90s"),
        (["clock", "step", "-5s"], ""),
        (["clock", "run", "--rate", "0"], "from 0.001 to 10000"),
        (["clock", "run", "--rate", "10000.5"], "from 0.001 to 10000"),
        (["clock", "run", "--rate", "1e3"], "from 0.001 to 10000"),
        (["clock", "set", "soon"], "neither an id"),
        (["clock", "set", "1969-12-31"], "times begin with 1970"),
        (["fork"], "--into"),
        (["at", "٣"], "neither an id"),
    ],
)
def test_wrong_words_are_refused_before_anything_happens(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        (["--new", "--at", "5-0"], "leave --at out"),
        (["--seed", "x"], "are for --new"),
        (["--time", "2020-01-01"], "are for --new"),
        (["--new", "--time", "0"], "between 1970 and 9999"),
    ],
)
def test_contradictions_make_no_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], said: str
) -> None:
    monkeypatch.setattr("gc.disable", lambda: None)
    monkeypatch.setenv("EXCHANGE_HOME", str(tmp_path / "home"))
    assert main(["fork", "--into", str(tmp_path / "into"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "into").exists()


def test_outside_a_sandbox_there_is_no_clock_to_move(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EXCHANGE_HOME", str(tmp_path))
    assert main(["clock", "step", "1s"]) == 2
    assert "is no sandbox" in capsys.readouterr().err


def test_a_mark_is_plain_json_for_whoever_looks(home: Path) -> None:
    assert json.loads((home / "sandbox.json").read_text())["id"] == "5-0"
