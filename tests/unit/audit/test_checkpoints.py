"""A checkpoint is what its key signed, to the byte, or it is nothing."""

import json
import stat
from pathlib import Path

import pytest

from exchange.audit import checkpoints, signing
from exchange.audit.checkpoints import Checkpoint, Shelf
from exchange.audit.signing import NotGenuine, Signer
from exchange.effects.key_files import KeyUnusable
from exchange.terms.stream import Head
from tests.unit.audit.mutants import mutants

LOG_ID = "c0ffee" + 26 * "0"


def a_checkpoint(signer: Signer, ms: int = 1_760_000_000_000) -> Checkpoint:
    return checkpoints.sign(signer, LOG_ID, Head((ms, 7), bytes(range(32))), 12_345, 1_760_000_000_500)


def test_what_was_signed_is_verified_by_the_public_key_alone() -> None:
    signer = Signer(bytes(range(32)))
    made = a_checkpoint(signer)
    read = checkpoints.verify(signing.canonical(made.document), signer.public)
    assert read == made
    assert (read.log_id, read.id, read.entries, read.head.chain) == (
        LOG_ID,
        "1760000000000-7",
        12_345,
        bytes(range(32)),
    )


def test_the_form_is_written_down_in_golden_bytes() -> None:
    """Whoever keeps a checkpoint must be able to check it in ten years."""
    made = signing.canonical(a_checkpoint(Signer(bytes(range(32)))).document)
    assert made.startswith(
        b'{"algorithm":"ed25519","chain":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
        b'"entries":12345,"format":"exchange-checkpoint-1",'
        b'"key":"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",'
        b'"log_id":"c0ffee00000000000000000000000000","position":"1760000000000-7","signature":"'
    )
    assert made.endswith(b'","time":1760000000500}')


def mutant_run(count: int) -> None:
    signer, other = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
    raw = signing.canonical(a_checkpoint(signer).document)
    accepted = []
    for mutant in mutants(raw, 1, count):
        try:
            checkpoints.verify(mutant, signer.public)
        except NotGenuine:
            continue
        accepted.append(mutant)
    assert accepted == []
    foreign = signing.canonical(a_checkpoint(other).document)
    with pytest.raises(NotGenuine, match="another key"):
        checkpoints.verify(foreign, signer.public)
    forged = json.loads(foreign) | {"key": signer.public}
    with pytest.raises(NotGenuine, match="signature does not hold"):
        checkpoints.verify(signing.canonical(forged), signer.public)


def test_none_of_two_thousand_mutants_is_accepted() -> None:
    mutant_run(2_000)


@pytest.mark.soak
def test_none_of_a_hundred_thousand_mutants_is_accepted() -> None:
    mutant_run(100_000)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"algorithm": "ed25519ph"}, "algorithm"),
        ({"algorithm": "none"}, "algorithm"),
        ({"signature": "00" * 63}, "128 hex"),
        ({"signature": "AA" * 64}, "128 hex"),
        ({"signature": None}, "128 hex"),
        ({"extra": 1}, "members"),
        ({"entries": "12345"}, "signature"),
    ],
)
def test_a_mutant_is_refused_with_its_reason(change: dict[str, object], told: str) -> None:
    signer = Signer(bytes(range(32)))
    body = {**a_checkpoint(signer).document, **change}
    with pytest.raises(NotGenuine, match=told):
        checkpoints.verify(signing.canonical(body), signer.public)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"[" * 100000,
        b'{"a":NaN}',
        b'{"a":1.0}',
        b'{"a":1,"a":1}',
        b'{"a":1} ',
        b"\xff",
        b'{"a":"\xc3\xa9"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"' + b"x" * signing.MAX_BYTES + b'"}',
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_no_document(raw: bytes) -> None:
    with pytest.raises(NotGenuine):
        checkpoints.verify(raw, "00" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"log_id": "C0FFEE"},
        {"position": "5"},
        {"position": "05-0"},
        {"chain": "00"},
        {"entries": -1},
        {"entries": True},
        {"time": None},
        {"format": "exchange-checkpoint-2"},
    ],
)  # fmt: skip
def test_a_signer_gone_wrong_is_refused_too(change: dict[str, object]) -> None:
    signer = Signer(bytes(range(32)))
    body = {k: v for k, v in a_checkpoint(signer).document.items() if k not in {"algorithm", "key", "signature"}}
    with pytest.raises(NotGenuine):
        checkpoints.verify(signing.canonical(signer.sign({**body, **change})), signer.public)


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    first, second = Signer.of(keys), Signer.of(keys)
    assert first.public == second.public
    path = keys / "checkpoint.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(keys.stat().st_mode) == 0o700
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        Signer.of(keys)
    path.chmod(0o600)
    path.write_bytes(bytes(31))
    with pytest.raises(KeyUnusable, match="31"):
        Signer.of(keys)


def test_checkpoints_are_kept_by_position(tmp_path: Path) -> None:
    signer, shelf = Signer(bytes(range(32))), Shelf(tmp_path)
    assert shelf.newest(signer.public) is None
    kept = [a_checkpoint(signer, ms) for ms in (900, 1000, 99)]
    for checkpoint in kept:
        path = shelf.put(checkpoint)
        assert checkpoints.verify(path.read_bytes(), signer.public) == checkpoint
    assert [one.id for _, one in shelf.verified(signer.public)] == ["1000-7", "900-7", "99-7"]
    assert shelf.newest(signer.public) == kept[1]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.startswith(".")] == []
    shelf.paths()[0].rename(tmp_path / "checkpoints" / checkpoints.name_of((5, 5)))
    with pytest.raises(NotGenuine, match="it is of 1000-7"):
        list(shelf.verified(signer.public))
