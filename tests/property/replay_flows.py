"""Run generated flows through the engine and print what came out, for a parent that compares such runs.

usage: python -m tests.property.replay_flows SEQUENCES

Prints one line: what the engine runs as, the hash over every flow's chain, the hash over every flow's final rows.
"""

import json
import sys
from hashlib import sha256

from exchange import compiled
from exchange.engine import Machine
from exchange.engine.snapshot import rows
from tests.property.flows import flow


def main(sequences: int) -> None:
    chains = sha256()
    states = sha256()
    for seed in range(sequences):
        machine = Machine()
        for entry in flow(seed):
            machine.step(entry)
        chains.update(machine.head.chain)
        for row in rows(machine):
            states.update(json.dumps(row).encode() + b"\n")
    print(compiled.status(), chains.hexdigest(), states.hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]))
