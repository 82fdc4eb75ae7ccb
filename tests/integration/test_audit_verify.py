"""`exchange audit verify` on real streams, table, segments and snapshots: what holds, and what does not, by name."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
import redis

from exchange.audit.checkpoints import Shelf, sign
from exchange.audit.signing import Signer, canonical
from exchange.commands.codec import frame
from exchange.events.codec import chain
from exchange.settings import Settings
from exchange.terms.stream import CommandEntry, EventEntry, Head, format_id
from tests.integration.audited import Past, a_past, ask, said
from tests.integration.projecting import a_log_of_everything
from tests.unit.projections.segments import Pair, cut

LENGTH = 300
Make = Callable[..., Settings]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log_of_everything(7, LENGTH)


@pytest.fixture
def past(make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair]) -> Past:
    """Most of it archived in files, the streams without the first fifty, three snapshots."""
    return most_archived(make_settings, client, redis_url, pairs, "")


@pytest.fixture
def tabled(make_settings: Make, client: redis.Redis, redis_url: str, database_url: str, pairs: list[Pair]) -> Past:
    """The same, archived in a table too."""
    return most_archived(make_settings, client, redis_url, pairs, database_url)


def most_archived(
    make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair], database_url: str
) -> Past:
    made = a_past(
        make_settings,
        client,
        redis_url,
        pairs,
        archived=len(pairs) - 45,
        database_url=database_url,
        snapshots_at=(60, 150, len(pairs) - 10),
    )
    made.trim(50)
    return made


def rechained(pairs: list[Pair], place: int, change: Callable[[Pair], Pair]) -> list[Pair]:
    """The log as a forger would leave it: one entry changed, and every hash from there on made anew."""
    forged = list(pairs[:place])
    before = pairs[place - 1][1].chain
    for number, pair in enumerate(pairs[place:]):
        command, entry = change(pair) if number == 0 else pair
        before = chain(before, entry.id, frame(command.fields), entry.payload)
        forged.append((command, EventEntry(entry.id, entry.payload, before)))
    return forged


def test_the_whole_past_is_verified(tabled: Past, pairs: list[Pair]) -> None:
    past = tabled
    told = ask(past.settings, "verify")
    assert told.code == 0, told.error
    report = told.json
    assert report["verified"] and report["executed"]
    assert (report["entries"], report["number"], report["head"]) == (len(pairs), len(pairs), past.id(-1))
    assert report["streamed"] == 45
    assert report["compared"] == len(pairs) - 45 - 50
    assert report["snapshots"] == 3
    assert report["segments"] == 2 * len(past.files())
    assert report["chain"] == pairs[-1][1].chain.hex()
    shown = said(past.settings, "verify")
    assert f"verified    {len(pairs)} entries, {len(pairs)} from the log's beginning (chain and engine)" in shown.out


@pytest.mark.parametrize("source", ["journal", "streams", "folder"])
@pytest.mark.parametrize("how", ["--execute", "--chain-only"])
def test_each_place_is_verified_by_itself(past: Past, source: str, how: str) -> None:
    told = ask(past.settings, "verify", how, "--source", str(past.segments) if source == "folder" else source)
    assert told.code == 0, told.error
    entries = {"streams": len(past.pairs) - 61 if how == "--execute" else len(past.pairs) - 51}
    assert told.json["entries"] == entries.get(source, past.archived)


def test_a_range_begins_at_the_snapshot_before_it(past: Past) -> None:
    told = ask(past.settings, "verify", "--from", past.id(155), "--to", past.id(200)).json
    assert (told["from"], told["head"], told["entries"]) == (past.id(150), past.id(200), 50)
    assert (told["began_at"], told["number"]) == ("the snapshot there", 201)
    only = ask(past.settings, "verify", "--chain-only", "--from", past.id(155), "--to", past.id(200)).json
    assert (only["from"], only["executed"]) == (past.id(119), False)
    assert ask(past.settings, "verify", "--to", "99999999999999-0").code == 2


def test_streams_without_their_beginning_need_a_snapshot_or_less_proof(past: Past) -> None:
    for path in past.snapshots():
        path.unlink()
    told = ask(past.settings, "verify", "--source", "streams")
    assert told.code == 2 and "--chain-only" in told.json["error"]
    assert ask(past.settings, "verify", "--source", "streams", "--chain-only").code == 0
    past.client.delete(past.settings.commands_key, past.settings.events_key)
    assert ask(past.settings, "verify", "--source", "streams").code == 2


@pytest.mark.parametrize("part", ["command", "payload", "chain"])
@pytest.mark.parametrize("place", [20, 120, LENGTH - 5])
def test_a_changed_entry_is_named_with_what_it_should_be(past: Past, part: str, place: int) -> None:
    """Below what is archived by the journal's word, above by the engine's."""
    past.rewrite(past.pairs)
    changed = list(past.pairs)
    command, entry = changed[place]
    if part == "command":
        changed[place] = (CommandEntry(command.id, [command.fields[0], command.fields[1] + b" "]), entry)
    elif part == "payload":
        changed[place] = (command, EventEntry(entry.id, entry.payload[:-1] + b" }", entry.chain))
    else:
        changed[place] = (command, EventEntry(entry.id, entry.payload, bytes(32)))
    past.rewrite(changed)
    told = ask(past.settings, "verify")
    assert (told.code, told.place, told.id) == (1, "streams", past.id(place))
    difference = told.json["difference"]
    if part == "payload":
        assert (difference["expected"], difference["found"]) == (
            entry.payload.decode(),
            entry.payload[:-1].decode() + " }",
        )
    if part == "chain":
        assert difference["expected"] == f"chain {entry.chain.hex()}"
    assert past.id(place) in told.error


def test_hashes_made_anew_do_not_hide_a_forgery_from_the_engine(
    make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair]
) -> None:
    place = next(at for at, (_, entry) in enumerate(pairs) if b'"deposited"' in entry.payload)

    def richer(pair: Pair) -> Pair:
        command, entry = pair
        return command, EventEntry(entry.id, entry.payload.replace(b'"amount":"', b'"amount":"9'), entry.chain)

    past = a_past(make_settings, client, redis_url, rechained(pairs, place, richer))
    assert ask(past.settings, "verify", "--chain-only").code == 0
    told = ask(past.settings, "verify")
    assert (told.code, told.place, told.id) == (1, "streams", format_id(pairs[place][1].id))


def test_a_checkpoint_shows_what_a_forger_with_the_engine_could_do(
    make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair]
) -> None:
    """Another history from somewhere on, made by the engine itself: nothing in it is wrong but that it is another."""
    past = a_past(make_settings, client, redis_url, pairs)
    signed = ask(past.settings, "checkpoint")
    assert signed.code == 0 and signed.json["entries"] == len(pairs)
    past.rewrite(pairs[:-30])
    told = ask(past.settings, "verify")
    assert (
        told.code == 1
        and told.place.startswith("checkpoint")
        and "entries are lost" in told.json["difference"]["found"]
    )
    other = a_log_of_everything(8, LENGTH + 50)
    past.rewrite(other)
    told = ask(past.settings, "verify")
    assert told.code == 1 and told.place.startswith("checkpoint")


def test_what_is_missing_is_named(past: Past) -> None:
    commands = f"{past.settings.streams}:commands"
    past.client.execute_command("XDEL", commands, past.id(100))  # type: ignore[no-untyped-call]
    told = ask(past.settings, "verify")
    assert (told.code, told.place, told.id) == (1, "streams", past.id(100))
    past.rewrite([*past.pairs[:-20], *past.pairs[-19:]])
    told = ask(past.settings, "verify")
    assert (told.code, told.place, told.id) == (1, "streams", past.id(-19))


def test_a_missing_or_foreign_segment_is_named(past: Past) -> None:
    folder = str(past.segments)
    files = past.files()
    content = files[2].read_bytes()
    files[2].unlink()
    told = ask(past.settings, "verify", "--source", folder)
    assert told.code == 1 and files[3].name in told.place
    files[2].write_bytes(files[1].read_bytes())
    told = ask(past.settings, "verify", "--source", folder)
    assert told.code == 1 and files[2].name in told.place
    files[2].write_bytes(content)
    assert ask(past.settings, "verify", "--source", folder).code == 0


def test_a_folder_that_says_something_else_than_the_table_is_named(tabled: Past, pairs: list[Pair]) -> None:
    past = tabled
    forged = rechained(list(pairs), 200, lambda pair: (pair[0], EventEntry(pair[1].id, pair[1].payload + b" ", b"")))
    for (_, data), path in zip(cut(forged[: past.archived], past.size), past.files(), strict=True):
        path.write_bytes(data)
    told = ask(past.settings, "verify")
    assert told.code == 1 and past.files()[5].name in told.place
    assert ask(past.settings, "verify", "--source", str(past.segments)).code == 1  # the engine says so too


def test_a_snapshot_of_another_log_or_of_lost_entries_is_named(past: Past, pairs: list[Pair]) -> None:
    newest = past.snapshots()[-1]
    past.rewrite(pairs[: past.archived])
    told = ask(past.settings, "verify")
    assert told.code == 1 and newest.name in told.place and "entries are lost" in told.json["difference"]["found"]
    past.rewrite(pairs)
    middle = past.snapshots()[1]
    position = pairs[149][1].id
    middle.rename(middle.with_name(f"{position[0]:020d}-{position[1]:020d}.snapshot"))
    told = ask(past.settings, "verify")
    assert told.code == 1 and "position in its name" in told.json["difference"]["expected"]


def test_checkpoints_are_signed_back_to_back_and_held_against_the_log(past: Past, pairs: list[Pair]) -> None:
    settings = past.settings
    past.rewrite(pairs[:-20])
    past.snapshots()[-1].unlink()
    first = ask(settings, "checkpoint").json
    assert (first["entries"], first["position"]) == (len(pairs) - 20, past.id(-21))
    assert ask(settings, "checkpoint").json == first, "nothing new: nothing is signed twice"
    past.rewrite(pairs)
    second = ask(settings, "checkpoint").json
    assert (second["entries"], second["position"]) == (len(pairs), past.id(-1))
    key = ask(settings, "key").json["key"]
    assert first["key"] == second["key"] == key == said(settings, "key").out.strip()
    told = ask(settings, "verify")
    assert (told.code, told.json["checkpoints"]) == (0, 2)
    kept = settings.home / "kept.json"
    kept.write_bytes(canonical(first) + b"\n")
    assert ask(settings, "verify", "--checkpoint", str(kept), "--key", key).json["checkpoints"] == 3
    kept.write_bytes(canonical(first | {"entries": first["entries"] + 1}))
    told = ask(settings, "verify", "--checkpoint", str(kept))
    assert (told.code, told.place) == (1, f"checkpoint {kept}")
    newest = Shelf(settings.home).paths()[0]
    genuine = newest.read_bytes()
    newest.write_bytes(genuine.replace(b'"entries":', b'"entries":1'))
    told = ask(settings, "checkpoint")
    assert told.code == 1 and newest.name in told.json["difference"]["found"]
    newest.write_bytes(genuine)
    told = ask(settings, "verify", "--key", "00" * 32)
    assert told.code == 1 and "another key" in told.json["difference"]["found"]
    assert ask(settings, "verify", "--key", "nonsense").code == 2


def test_a_signer_s_lie_about_the_log_is_found(past: Past, pairs: list[Pair]) -> None:
    signer, shelf = Signer.of(past.settings.keys_dir), Shelf(past.settings.home)
    log_id = ask(past.settings, "verify").json["log_id"]
    head = Head(pairs[99][1].id, pairs[99][1].chain)
    for lie in (
        sign(signer, log_id, head, 101, 1),
        sign(signer, "0" * 32, head, 100, 1),
        sign(signer, log_id, Head(head.id, bytes(32)), 100, 1),
        sign(signer, log_id, Head((head.id[0], head.id[1] + 2**40), head.chain), 100, 1),
    ):
        path = shelf.put(lie)
        told = ask(past.settings, "verify")
        assert told.code == 1 and told.place == f"checkpoint {path}"
        path.unlink()
    assert ask(past.settings, "verify").code == 0


def test_what_cannot_be_asked_is_no_verdict(make_settings: Make, redis_url: str) -> None:
    assert ask(make_settings(), "verify").code == 2
    assert ask(make_settings(redis_url="redis://127.0.0.1:1"), "verify").code == 2
    assert ask(make_settings(redis_url=redis_url), "verify", "--source", "nowhere").code == 2
    assert ask(make_settings(redis_url=redis_url), "checkpoint").code == 2


def test_ids_go_up(pairs: list[Pair]) -> None:
    """What the tests above take for granted."""
    assert all(one[1].id < other[1].id for one, other in pairwise(pairs))


def test_the_command_ends_with_the_verdict_s_code(past: Past, redis_url: str) -> None:
    """What cron and CI look at."""
    settings = past.settings
    environ = {
        **os.environ,
        "EXCHANGE_HOME": str(settings.home),
        "EXCHANGE_STREAMS": settings.streams,
        "EXCHANGE_JOURNAL_FOLDER": settings.journal_folder,
        "REDIS_URL": redis_url,
        "DATABASE_URL": "",
    }

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "exchange", "audit", *arguments]
        return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=60)

    done = command("verify")
    assert (done.returncode, done.stderr) == (0, "") and "verified" in done.stdout
    path = past.snapshots()[0]
    path.write_bytes(path.read_bytes()[:-1])
    done = command("verify", "--json")
    assert (done.returncode, json.loads(done.stdout)["difference"]["place"]) == (1, f"snapshot {path.name}")
    done = command("verify", "--source", "nowhere")
    assert done.returncode == 2 and "nowhere" in done.stderr
