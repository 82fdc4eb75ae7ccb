"""History in SQL: orders, trades, ledger, transfers and candles in PostgreSQL, on TimescaleDB where that is there.

The path of an entry: `projector` reads on from the position, `rows` folds (pure), `writer` stores rows and position in
one transaction, and `anchor` says whether the rows belong to the log at hand. `schema` names the tables, `migrations`
makes them, `history` reads them. The one rule: the position in the database is the truth; the consumer group follows
it, for others to see.
"""
