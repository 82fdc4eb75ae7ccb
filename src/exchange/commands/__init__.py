"""The vocabulary coming in: what the engine can be told, and how that is written in the command stream.

`types` holds one class for each command, `codec` turns them into the bytes of an entry and back. Both are pure and
compiled. A command says what somebody wants; whether it may happen is the engine's to say.
"""
