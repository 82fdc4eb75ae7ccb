"""The vocabulary going out: what happened, and how that is written in the event stream.

`types` holds one class for each event, `codec` an entry's payload and the chain hash. Both are pure and compiled. An
entry is the whole result of one command: its events in order, and the balance changes they made, which sum to zero for
each asset.
"""
