"""The journal: every command and every result, archived for good in segments.

    segment → stores (a table, a folder) → archiver (writes, trims) → history (reads as if nothing had been trimmed)

What is in a segment can be proven without anything else: it names where it begins, and its entries chain to its end.
"""
