"""Credentials are made once and readable by their owner only."""

from pathlib import Path

import pytest

from exchange.clients.credentials import CredentialsError, load_or_make


def test_they_are_made_once_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = load_or_make(folder, "market-maker")
    assert load_or_make(folder, "market-maker") == made
    assert load_or_make(folder, "market-taker") != made
    assert made.email.startswith("market-maker-")
    assert len(made.password) >= 24


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    load_or_make(folder, "market-maker")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("content", ["", "[]", '{"email": "a@example.org"}'])
def test_a_damaged_file_is_told_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "market-maker.json").write_text(content)
    with pytest.raises(CredentialsError, match="remove it for a new user"):
        load_or_make(tmp_path, "market-maker")
    assert (tmp_path / "market-maker.json").read_text() == content
