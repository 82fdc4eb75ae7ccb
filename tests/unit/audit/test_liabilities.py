"""A user's balance is in the signed sum; whoever tells a smaller sum is found out by the one file that users run."""

import io
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.audit import liabilities, signing, sum_tree, verify_liability
from exchange.audit.findings import Found
from exchange.audit.liabilities import NoLeaf, NoStatement, Statement
from exchange.audit.signing import Json, NotGenuine, Signer
from exchange.engine import Machine
from exchange.engine.accounts import Account
from exchange.engine.state import Asset
from exchange.terms.stream import Head
from tests.unit.audit.mutants import mutants

VERIFIER = Path(verify_liability.__file__)
SIGNER = Signer(bytes(range(32)))
SALTS = bytes(32)
LOG_ID = "c0ffee" + 26 * "0"

MANY = """
import json, sys, runpy
verify = runpy.run_path(sys.argv[1])["verify"]
accepted = []
for line in sys.stdin:
    statement, proof = map(bytes.fromhex, json.loads(line))
    try:
        verify(statement, proof, sys.argv[2])
        accepted.append(line)
    except Exception:
        pass
print(json.dumps(accepted))
"""
"""Many documents in one process of the verifier's own."""


def an_exchange(holders: Sequence[int], fees: int = 17) -> Machine:
    """A machine whose users hold these amounts of BTC, and as many USD locked."""
    machine = Machine()
    state = machine.state
    state.log_id = LOG_ID
    for asset in ("BTC", "USD"):
        state.assets[asset] = Asset(asset, 8)
        state.accounts[1].balance(asset).available = fees
        state.accounts[0].balance(asset).available = -sum(holders) - fees
    for number, amount in enumerate(holders):
        account = state.accounts[100 + number] = Account(100 + number, f"user-{number}")
        account.balance("BTC").available = amount
        account.balance("USD").locked = amount
    machine.head = Head((1_760_000_000_000, 5), bytes(range(32)))
    return machine


def stated(home: Path, machine: Machine) -> Statement:
    folder = liabilities.state(home, machine, SIGNER, SALTS, 1_760_000_000_900)
    return Statement.read(folder, SIGNER.public)


def amounts(count: int, seed: int = 1) -> list[int]:
    dice = random.Random(seed)
    return [dice.randint(1, 10 ** dice.randint(1, 25)) for _ in range(count)]


def shown(statement: Json, proof: Json) -> tuple[bytes, bytes]:
    return signing.canonical(statement), signing.canonical(proof)


def test_the_verifier_is_one_short_file_of_the_standard_library() -> None:
    text = VERIFIER.read_text()
    assert len(text.splitlines()) < 100
    assert not [line for line in text.splitlines() if line.startswith(("import", "from")) and "exchange" in line]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 33])
def test_everybody_has_a_proof_whatever_the_number_of_leaves(tmp_path: Path, count: int) -> None:
    machine = an_exchange(amounts(count))
    statement = stated(tmp_path, machine)
    total = str(sum(amounts(count)))
    for asset in ("BTC", "USD"):
        for number, amount in enumerate(amounts(count)):
            proof = statement.proof(SALTS, 100 + number, asset)
            assert proof["amount"] == str(amount)
            told = verify_liability.verify(*shown(statement.document, proof), SIGNER.public)
            assert told == f"{amount} {asset} of {100 + number} (user-{number}) at 1760000000000-5"
    assert [(one["total"], one["accounts"]) for one in _assets(statement)] == [(total, count)] * 2


def _assets(statement: Statement) -> list[dict[str, object]]:
    found = statement.document["assets"]
    assert isinstance(found, list)
    return found


def test_a_user_runs_it_alone_and_is_told(tmp_path: Path) -> None:
    statement = stated(tmp_path, an_exchange(amounts(21)))
    (tmp_path / "statement.json").write_bytes(signing.canonical(statement.document) + b"\n")
    proof = signing.canonical(statement.proof(SALTS, 107, "BTC"))
    (tmp_path / "proof.json").write_bytes(proof)
    command = [sys.executable, "-I", "-S", str(VERIFIER), "statement.json", "proof.json"]
    good = subprocess.run([*command, SIGNER.public], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (
        0,
        f"proven: {amounts(21)[7]} BTC of 107 (user-7) at 1760000000000-5\n",
    )
    other = Signer(bytes(range(1, 33))).public
    for argument in (other, "", SIGNER.public.upper()):
        bad = subprocess.run([*command, argument], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert bad.returncode == 1 and bad.stderr.startswith("NOT PROVEN"), argument
    (tmp_path / "proof.json").write_bytes(proof.replace(b'"account":107', b'"account":108'))
    bad = subprocess.run([*command, SIGNER.public], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1 and "NOT PROVEN" in bad.stderr


def accepted_of(pairs: list[tuple[bytes, bytes]]) -> list[str]:
    """Which of these the verifier takes, in a process that has nothing but the standard library."""
    lines = "\n".join(json.dumps([one.hex() for one in pair]) for pair in pairs)
    command = [sys.executable, "-I", "-S", "-c", MANY, str(VERIFIER), SIGNER.public]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    taken: list[str] = json.loads(done.stdout)
    return taken


def mutant_run(home: Path, proofs: int, statements: int) -> None:
    statement = stated(home, an_exchange(amounts(21)))
    proof = statement.proof(SALTS, 107, "BTC")
    both = shown(statement.document, proof)
    assert len(accepted_of([both])) == 1
    pairs = [(both[0], mutant) for mutant in mutants(both[1], 2, proofs)]
    pairs += [(mutant, both[1]) for mutant in mutants(both[0], 3, statements)]
    others = [statement.proof(SALTS, account, "BTC") for account in range(100, 121) if account != 107]
    for other in [*others, statement.proof(SALTS, 107, "USD")]:
        pairs += [
            (both[0], signing.canonical({**proof, name: other[name]})) for name in proof if other[name] != proof[name]
        ]
    assert accepted_of(pairs) == []


def test_none_of_thousands_of_mutants_is_accepted(tmp_path: Path) -> None:
    mutant_run(tmp_path, 3_000, 400)


@pytest.mark.soak
def test_none_of_a_hundred_thousand_mutants_is_accepted(tmp_path: Path) -> None:
    mutant_run(tmp_path, 90_000, 10_000)


# A dishonest house: it signs what it likes.


def signed_by_the_house(root: bytes, count: int, total: int, fees: int, outside: int) -> Json:
    asset = {"accounts": count, "asset": "BTC", "decimals": 8, "fees": str(fees), "outside": str(outside)}
    body: Json = {
        "assets": [{**asset, "root": root[16:].hex(), "total": str(total)}],
        "chain": bytes(32).hex(),
        "format": liabilities.STATEMENT,
        "log_id": LOG_ID,
        "position": "5-0",
        "time": 1,
    }
    return SIGNER.sign(body)


def proof_of(leaves: list[bytes], index: int, amount: int, beside: list[tuple[str, str]]) -> Json:
    return {
        "account": 100 + index,
        "amount": str(amount),
        "asset": "BTC",
        "format": liabilities.PROOF,
        "index": index,
        "log_id": LOG_ID,
        "path": [list(one) for one in beside],
        "position": "5-0",
        "ref": f"user-{index}",
        "salt": bytes(32).hex(),
    }


def leaf(index: int, amount: int) -> bytes:
    return sum_tree.leaf(bytes(32), amount, 100 + index, f"user-{index}")


def refused(statement: Json, proof: Json) -> str:
    with pytest.raises(Exception) as caught:
        verify_liability.verify(*shown(statement, proof), SIGNER.public)
    return str(caught.value)


def test_an_honest_house_passes_by_the_same_means() -> None:
    """So that the tests after this fail for the reason that they name."""
    leaves = [leaf(0, 500), leaf(1, 300)]
    root = sum_tree.parent(b"".join(leaves))
    statement = signed_by_the_house(root, 2, 800, 0, 800)
    beside = [(str(sum_tree.parts(leaves[1])[0]), sum_tree.parts(leaves[1])[1])]
    assert verify_liability.verify(*shown(statement, proof_of(leaves, 0, 500, beside)), SIGNER.public)


def test_a_hidden_liability_is_seen_by_the_one_that_was_left_out() -> None:
    leaves = [leaf(0, 500), leaf(1, 300)]  # 2 is owed 900 and was left out
    statement = signed_by_the_house(sum_tree.parent(b"".join(leaves)), 2, 800, 0, 800)
    node = sum_tree.parts(sum_tree.parent(b"".join(leaves)))
    for claimed in ([], [(str(node[0]), node[1])]):
        assert "no such leaf" in refused(statement, proof_of(leaves, 2, 900, claimed))
    assert "no such leaf" in refused(statement, proof_of(leaves, 0, 900, [(str(300), leaves[1][16:].hex())]))


def test_a_total_below_the_tree_s_is_seen_by_everybody() -> None:
    leaves = [leaf(0, 500), leaf(1, 300)]
    statement = signed_by_the_house(sum_tree.parent(b"".join(leaves)), 2, 500, 0, 500)
    assert "no such leaf" in refused(statement, proof_of(leaves, 0, 500, [("300", leaves[1][16:].hex())]))
    assert "books" in refused(signed_by_the_house(leaves[0], 1, 500, 1, 500), proof_of(leaves, 0, 500, []))


def test_a_negative_neighbour_is_refused_however_it_is_written() -> None:
    """The house invents an account that owes it 400, and so owes 400 less in all."""
    leaves = [leaf(0, 500), leaf(1, 300)]
    for sum_bytes in ((-400).to_bytes(16, "big", signed=True), (2**128 - 400).to_bytes(16, "big")):
        invented = sum_bytes + bytes(32)
        hash = sha256(b"\1" + leaves[0] + invented).digest()
        statement = signed_by_the_house((100).to_bytes(16, "big") + hash, 2, 100, 0, 100)
        for told in ("-400", str(2**128 - 400), "−400", "-0400"):
            assert "no amount" in refused(statement, proof_of(leaves, 0, 500, [(told, bytes(32).hex())]))
    with pytest.raises(ValueError, match="no leaf can hold"):
        leaf(0, -400)


def test_the_flaw_of_the_first_sum_trees_is_of_no_use() -> None:
    """There a node's hash covered only the sum of its children's sums, so that each child could be shown another split:
    of 500 and 300 a node claims 500, showing the first user a neighbour with 0 and the second one with 200."""
    leaves = [leaf(0, 500), leaf(1, 300)]
    for hash in (
        sha256((500).to_bytes(16, "big") + leaves[0][16:] + leaves[1][16:]).digest(),  # as the first scheme had it
        sha256(b"\1" + leaves[0] + (0).to_bytes(16, "big") + leaves[1][16:]).digest(),  # made for the first user
    ):
        statement = signed_by_the_house((500).to_bytes(16, "big") + hash, 2, 500, 0, 500)
        answers = []
        for index, amount, beside in ((0, 500, ("0", leaves[1][16:].hex())), (1, 300, ("200", leaves[0][16:].hex()))):
            try:
                verify_liability.verify(*shown(statement, proof_of(leaves, index, amount, [beside])), SIGNER.public)
                answers.append(True)
            except ValueError:
                answers.append(False)
        assert False in answers, "both users were satisfied by 500 for 800"
        assert answers[1] is False


def test_a_node_cannot_be_passed_off_as_a_leaf_nor_a_leaf_twice() -> None:
    leaves = [leaf(0, 500), leaf(1, 300), leaf(2, 40)]
    low = sum_tree.parent(leaves[0] + leaves[1])
    file = io.BytesIO()
    assert sum_tree.write(b"".join(leaves), file) == sum_tree.parent(low + leaves[2])  # it went up as it was
    statement = signed_by_the_house(sum_tree.parent(low + leaves[2]), 3, 840, 0, 840)
    node = (str(sum_tree.parts(low)[0]), sum_tree.parts(low)[1])
    assert verify_liability.verify(*shown(statement, proof_of(leaves, 2, 40, [node])), SIGNER.public)
    assert "no such leaf" in refused(statement, proof_of(leaves, 3, 40, [("40", leaves[2][16:].hex()), node]))
    assert "no such leaf" in refused(statement, proof_of(leaves, 2, 40, [("40", leaves[2][16:].hex()), node]))


# The files and the books.


def test_no_book_that_does_not_balance_is_signed(tmp_path: Path) -> None:
    machine = an_exchange(amounts(3))
    machine.state.accounts[101].balance("BTC").available += 1
    with pytest.raises(Found, match="BTC"):
        stated(tmp_path, machine)
    machine = an_exchange([5, 5])
    machine.state.accounts[101].balance("USD").locked -= 10
    machine.state.accounts[100].balance("USD").locked += 10
    with pytest.raises(Found, match="nothing below zero"):
        stated(tmp_path, machine)
    assert not list((tmp_path / "liabilities").iterdir())


def test_a_damaged_file_gives_no_proof_rather_than_a_wrong_one(tmp_path: Path) -> None:
    statement = stated(tmp_path, an_exchange(amounts(13)))
    (folder,) = (tmp_path / "liabilities").iterdir()
    dice = random.Random(5)
    good = {account: statement.proof(SALTS, account, "BTC") for account in range(100, 113)}
    refusals = 0
    for name in ("BTC.tree", "BTC.accounts"):
        whole = (folder / name).read_bytes()
        for _ in range(150):
            at = dice.randrange(len(whole))
            (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))]) + whole[at + 1 :])
            for account in range(100, 113):
                try:
                    assert statement.proof(SALTS, account, "BTC") == good[account]
                except (NotGenuine, NoLeaf):
                    refusals += 1
        (folder / name).write_bytes(whole[:-100])
        with pytest.raises(NotGenuine):
            [statement.proof(SALTS, account, "BTC") for account in range(100, 113)]
        (folder / name).write_bytes(whole)
    assert refusals > 150
    with pytest.raises(NotGenuine, match="salts"):
        statement.proof(bytes(31) + b"\1", 100, "BTC")


def test_who_held_nothing_has_no_leaf_and_an_unknown_asset_no_tree(tmp_path: Path) -> None:
    statement = stated(tmp_path, an_exchange([3, 0, 4]))
    assert [one["accounts"] for one in _assets(statement)] == [2, 2]
    for account in (99, 101, 103, 2**40):
        with pytest.raises(NoLeaf):
            statement.proof(SALTS, account, "BTC")
    with pytest.raises(KeyError):
        statement.proof(SALTS, 100, "DOGE")


def test_an_exchange_that_owes_nothing_can_say_so(tmp_path: Path) -> None:
    statement = stated(tmp_path, an_exchange([], fees=0))
    assert [(one["accounts"], one["total"], one["root"]) for one in _assets(statement)] == [(0, "0", 64 * "0")] * 2


def test_a_position_is_stated_once_and_a_second_time_compared(tmp_path: Path) -> None:
    with pytest.raises(NoStatement, match="liabilities"):
        liabilities.newest(tmp_path)
    first = stated(tmp_path, an_exchange([3, 4]))
    assert stated(tmp_path, an_exchange([3, 4])).document == first.document
    with pytest.raises(Found, match=r"statement\.json"):
        stated(tmp_path, an_exchange([3, 5]))
    assert Statement.read(liabilities.newest(tmp_path), None).document == first.document
    path = next((tmp_path / "liabilities").iterdir()) / "statement.json"
    path.write_bytes(path.read_bytes().replace(b'"fees":"17"', b'"fees":"18"'))
    for key in (SIGNER.public, None):
        with pytest.raises(NotGenuine):
            Statement.read(liabilities.newest(tmp_path), key)


def test_salts_differ_by_account_asset_position_and_key() -> None:
    made = {
        liabilities.salt(key, log_id, position, asset, account)
        for key in (bytes(32), bytes(31) + b"\1")
        for log_id in ("a", "b")
        for position in ("1-0", "1-1")
        for asset in ("BTC", "BTC1")
        for account in (1, 11)
    }
    assert len(made) == 32
