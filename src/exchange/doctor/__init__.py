"""How every part of an exchange stands, and what a crash would cost now.

`survey` has what can be known, `streams`, `database` and `places` find it out, `judge` says what needs attention and
what to do, `telling` puts it on a screen. It only reads, asks each part by itself, and what cannot be asked is said and
not guessed: an operator calls for it when something is down.
"""
