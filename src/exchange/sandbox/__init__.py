"""Sandboxes: homes that hold a market as it was at some moment, or an empty one, with a clock that does as it is told.

`fork` makes such a home. What runs in it is the same exchange as everywhere: the clock is in the server
(`effects.redis.clock`), the mark in the home (`effects.sandbox_mark`).
"""
