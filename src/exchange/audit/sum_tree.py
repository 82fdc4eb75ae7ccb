"""A Merkle-sum tree in one file of fixed-size nodes.

A node is 48 bytes: a sum (16, big-endian) and a hash (32). The levels stand one after the other, leaves first, the
root last; a level of n nodes has ceil(n/2) above it. The idea that makes it small: the two children stand side by side
in the file exactly as their parent's hash covers them.

    leaf   SHA-256(0x00, salt (32), amount (16), account (8), reference)
    node   SHA-256(0x01, left sum, left hash, right sum, right hash); its sum is both sums together

Both children's sums are covered *apart*. Maxwell's original scheme hashed only their sum, and so a node could claim
less than its children (Hu, Zhang, Guo, "Breaking the binding: attacks on the Merkle approach to prove liabilities",
2019; Chalkias, Chatzigiannis, Ji, "Broken proofs of solvency in blockchain custodial wallets and exchanges", 2022).
Leaves and nodes are hashed in different domains, as in RFC 6962. A last node without a neighbour goes up as it is:
doubling it, as Bitcoin does, would let two different trees have one root.
"""

from hashlib import sha256
from typing import BinaryIO, Final

SUM_BYTES: Final = 16
NODE_BYTES: Final = 48
MAX_SUM: Final = 10**38 - 1
"""The largest sum; below 2**127, so that no sum ever overflows its bytes."""

NO_ROOT: Final = bytes(NODE_BYTES)
"""What stands for the root of a tree without leaves."""

_PAIR: Final = 2 * NODE_BYTES
_SECOND: Final = NODE_BYTES + SUM_BYTES


def leaf(salt: bytes, amount: int, account: int, ref: str) -> bytes:
    """A leaf.

    Raises:
        ValueError: the amount is negative or too large.
    """
    if not 0 <= amount <= MAX_SUM:
        raise ValueError(f"account {account} has {amount}, which no leaf can hold")
    sum_bytes = amount.to_bytes(SUM_BYTES, "big")
    return sum_bytes + sha256(b"\0" + salt + sum_bytes + account.to_bytes(8, "big") + ref.encode()).digest()


def write(leaves: bytes, file: BinaryIO) -> bytes:
    """Write the tree over leaves that stand one after the other; the root node.

    Raises:
        ValueError: the total is too large.
    """
    level = leaves
    while len(level) > NODE_BYTES:
        file.write(level)
        level = _above(level)
    file.write(level)
    return level or NO_ROOT


def _above(level: bytes) -> bytes:
    above = bytearray()
    paired = len(level) // _PAIR * _PAIR
    for at in range(0, paired, _PAIR):
        above += parent(level[at : at + _PAIR])
    return bytes(above + level[paired:])


def parent(pair: bytes) -> bytes:
    """The node above two that stand side by side.

    Raises:
        ValueError: the sum is too large.
    """
    total = int.from_bytes(pair[:SUM_BYTES], "big") + int.from_bytes(pair[NODE_BYTES:_SECOND], "big")
    if total > MAX_SUM:
        raise ValueError(f"a sum of {total} is more than any asset has")
    return total.to_bytes(SUM_BYTES, "big") + sha256(b"\1" + pair).digest()


def path(file: BinaryIO, count: int, index: int) -> list[bytes]:
    """The nodes beside the way from a leaf to the root, lowest first.

    Raises:
        ValueError: the file is shorter than a tree of `count` leaves.
    """
    nodes = []
    start = 0
    while count > 1:
        beside = index ^ 1
        if beside < count:
            nodes.append(node(file, start + beside))
        start += count
        index //= 2
        count = (count + 1) // 2
    return nodes


def climb(leaf: bytes, count: int, index: int, beside: list[bytes]) -> bytes:
    """The root that a leaf and the nodes beside its way make.

    Raises:
        ValueError: a sum is too large.
    """
    way = iter(beside)
    while count > 1:
        if index ^ 1 < count:
            other = next(way)
            leaf = parent(other + leaf if index % 2 else leaf + other)
        index //= 2
        count = (count + 1) // 2
    return leaf


def node(file: BinaryIO, place: int) -> bytes:
    """The node at a place in the file.

    Raises:
        ValueError: there is none.
    """
    file.seek(place * NODE_BYTES)
    found = file.read(NODE_BYTES)
    if len(found) != NODE_BYTES:
        raise ValueError(f"the tree's file ends before node {place}")
    return found


def parts(node: bytes) -> tuple[int, str]:
    """A node's sum, and its hash as hex digits."""
    return int.from_bytes(node[:SUM_BYTES], "big"), node[SUM_BYTES:].hex()
