"""What the exchange owes, so that each user can see that their own balance is in the sum.

For each asset a Merkle-sum tree (`sum_tree`) over all users' available + locked at one position; the roots and totals
stand in a signed statement, beside the engine's own books: what users have and what the fees are must be what came in
less what went out. In `<home>/liabilities/<position>/` lie

    statement.json     the signed statement
    <ASSET>.tree       the nodes
    <ASSET>.accounts   80 bytes for each leaf, by account: account (8), index (8), reference (64, zeros after it)

The salts come from a secret key, so that nobody can try out amounts against a neighbour's hash, and leaves stand in the
order of their salts, so that neighbours say nothing about who signed up when. What is served was computed from the root
down again: a damaged file gives no proof rather than a wrong one.
"""

import hmac
import os
import secrets
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from exchange.audit import signing, sum_tree
from exchange.audit.checkpoints import name_of, read_head, sync_folder
from exchange.audit.findings import Found
from exchange.audit.signing import Json, NotGenuine, Signer
from exchange.effects.key_files import KeyUnusable, load_or_make
from exchange.engine import Machine
from exchange.engine.state import State
from exchange.terms.stream import format_id
from exchange.terms.words import FEES, FIRST_USER, OUTSIDE

STATEMENT: Final = "exchange-liabilities-1"
PROOF: Final = "exchange-liability-proof-1"
FOLDER: Final = "liabilities"
STATEMENT_NAME: Final = "statement.json"
KEY_NAME: Final = "liabilities.key"

_KEY_BYTES: Final = 32
_MEMBERS: Final = frozenset({"format", "log_id", "position", "chain", "time", "assets"})
_ACCOUNT: Final = struct.Struct(">QQ64s")


class NoLeaf(Exception):
    """The account has no leaf: it held nothing of the asset at the statement's position."""


class NoStatement(Exception):
    """Nothing was stated yet."""


@dataclass(frozen=True)
class Book:
    """One asset at one position: what users hold (`holders`: account, reference, amount, none of them zero), what the
    fees are, and what came in less what went out."""

    asset: str
    decimals: int
    holders: list[tuple[int, str, int]]
    fees: int
    outside: int


def books(state: State) -> Iterator[Book]:
    """The engine's books, by asset.

    Raises:
        Found: an amount is negative, or an asset's books do not balance.
    """
    for name, asset in sorted(state.assets.items()):
        holders = []
        for id, account in state.accounts.items():
            amount = account.total(name)
            if id < FIRST_USER or not amount:
                continue
            if amount < 0:
                raise Found("engine state", f"account {id}, {name}", "nothing below zero", str(amount))
            holders.append((id, account.ref, amount))
        fees, outside = state.accounts[FEES].total(name), -state.accounts[OUTSIDE].total(name)
        owed = sum([amount for *_, amount in holders])
        if owed + fees != outside:
            raise Found("engine state", name, f"{outside} came in less went out", f"{owed} of users and {fees} of fees")
        yield Book(name, asset.decimals, holders, fees, outside)


def salts_key(keys_dir: Path) -> bytes:
    """The secret that salts are made with.

    Raises:
        KeyUnusable.
    """
    key = load_or_make(keys_dir / KEY_NAME, lambda: secrets.token_bytes(_KEY_BYTES))
    if len(key) != _KEY_BYTES:
        raise KeyUnusable(f"{keys_dir / KEY_NAME} has {len(key)} bytes, not {_KEY_BYTES}: restore it from a backup")
    return key


def salt(key: bytes, log_id: str, position: str, asset: str, account: int) -> bytes:
    """An account's salt in one tree (32 bytes)."""
    return hmac.digest(key, f"{log_id}\n{position}\n{asset}\n{account}".encode(), "sha256")


def state(home: Path, machine: Machine, signer: Signer, key: bytes, time_ms: int) -> Path:
    """Write trees and statement for the machine's position; the folder. What is there already stays.

    Raises:
        Found: the books do not balance, or another statement of this position is there.
        OSError: it cannot be written.
    """
    folder = home / FOLDER / name_of(machine.head.id).removesuffix(".json")
    position = format_id(machine.head.id)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(mode=0o700)
    try:
        assets = [_write(draft, book, key, machine.state.log_id, position) for book in books(machine.state)]
        body: Json = {
            "format": STATEMENT,
            "log_id": machine.state.log_id,
            "position": position,
            "chain": machine.head.chain.hex(),
            "time": time_ms,
            "assets": assets,
        }
        (draft / STATEMENT_NAME).write_bytes(signing.canonical(signer.sign(body)))
        for file in draft.iterdir():
            _force(file)
        if folder.exists():
            _compare(folder, body, signer.public)
        else:
            draft.rename(folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _write(folder: Path, book: Book, key: bytes, log_id: str, position: str) -> Json:
    salted = [(salt(key, log_id, position, book.asset, holder[0]), *holder) for holder in book.holders]
    salted.sort()
    nodes = b"".join([sum_tree.leaf(its, amount, account, ref) for its, account, ref, amount in salted])
    with (folder / f"{book.asset}.tree").open("wb") as file:
        root = sum_tree.write(nodes, file)
    records = [_ACCOUNT.pack(account, index, ref.encode()) for index, (_, account, ref, _) in enumerate(salted)]
    records.sort()
    (folder / f"{book.asset}.accounts").write_bytes(b"".join(records))
    total, hash = sum_tree.parts(root)
    return {
        "accounts": len(salted),
        "asset": book.asset,
        "decimals": book.decimals,
        "fees": str(book.fees),
        "outside": str(book.outside),
        "root": hash,
        "total": str(total),
    }


def _force(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _compare(folder: Path, body: Json, key: str) -> None:
    """See that what was stated of a position before is what is stated now."""
    there = Statement.read(folder, key).document
    for member in ("log_id", "chain", "assets"):
        if there[member] != body[member]:
            raise Found(str(folder / STATEMENT_NAME), str(body["position"]), str(body[member]), str(there[member]))


class Statement:
    """A stored statement, whose signature holds."""

    def __init__(self, folder: Path, document: Json) -> None:
        self._folder = folder
        self.document = document
        self.head = read_head(document)
        found = document["assets"]
        if document["format"] != STATEMENT or not isinstance(found, list):
            raise NotGenuine(f"its format is not {STATEMENT}")
        self._assets: dict[str, Json] = {str(asset["asset"]): asset for asset in found}

    @classmethod
    def read(cls, folder: Path, key: str | None) -> "Statement":
        """The statement in a folder.

        Raises:
            NotGenuine: it is not what `key` (None: the key that it names) signed.
            OSError: it cannot be read.
        """
        return cls(folder, signing.verified((folder / STATEMENT_NAME).read_bytes(), key, _MEMBERS))

    @property
    def assets(self) -> list[str]:
        """The assets that it tells of."""
        return list(self._assets)

    def proof(self, key: bytes, account: int, asset: str) -> Json:
        """An account's proof, its members in canonical order.

        Raises:
            NoLeaf: it held nothing of the asset.
            KeyError: the statement does not know the asset.
            NotGenuine: the files are not those of the statement.
            OSError: they cannot be read.
        """
        told = self._assets[asset]
        count = int(str(told["accounts"]))
        with (self._folder / f"{asset}.accounts").open("rb") as file:
            index, ref = _find(file, count, account)
        log_id, position = str(self.document["log_id"]), str(self.document["position"])
        its = salt(key, log_id, position, asset, account)
        with (self._folder / f"{asset}.tree").open("rb") as file:
            try:
                own, beside = sum_tree.node(file, index), sum_tree.path(file, count, index)
            except ValueError as error:
                raise NotGenuine(str(error)) from error
        amount, _ = sum_tree.parts(own)
        total, hash = sum_tree.parts(sum_tree.climb(own, count, index, beside))
        if own != sum_tree.leaf(its, amount, account, ref) or (str(total), hash) != (told["total"], told["root"]):
            raise NotGenuine(f"the files of {asset} beside the statement were changed, or the key of the salts was")
        return {
            "account": account,
            "amount": str(amount),
            "asset": asset,
            "format": PROOF,
            "index": index,
            "log_id": log_id,
            "path": [[str(total), hash] for total, hash in map(sum_tree.parts, beside)],
            "position": position,
            "ref": ref,
            "salt": its.hex(),
        }


def _find(file: BinaryIO, count: int, account: int) -> tuple[int, str]:
    """Index and reference of an account's leaf, by halving."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        file.seek(middle * _ACCOUNT.size)
        record = file.read(_ACCOUNT.size)
        if len(record) != _ACCOUNT.size:
            raise NotGenuine("the list of accounts was cut")
        found, index, ref = _ACCOUNT.unpack(record)
        if found == account:
            if index >= count:
                raise NotGenuine("the list of accounts was changed")
            return index, ref.rstrip(b"\0").decode("ascii", "replace")
        if found < account:
            low = middle + 1
        else:
            high = middle
    raise NoLeaf(f"account {account} held nothing of it")


def newest(home: Path) -> Path:
    """The folder of the newest statement.

    Raises:
        NoStatement: there is none.
    """
    try:
        names = [path.name for path in (home / FOLDER).iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        names = []
    if not names:
        raise NoStatement("nothing was stated yet: run `exchange audit liabilities`")
    return home / FOLDER / max(names)
