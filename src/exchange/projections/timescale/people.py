"""The gateway's own tables: who may come in, and with what. No projection: nothing of this is in the log, and what is
lost here is in the backup of the database or nowhere.

Users are named by `subject` everywhere (32 hex digits in tokens and in the engine's `ref`). Rows refer to users without
foreign keys; users are never deleted. No secret is stored as text: passwords and tokens as hashes, what must be read
again encrypted under a key that is not in the database (`api.auth.secrets`).
"""

import sqlalchemy as sa

from exchange.projections.timescale.schema import Moment, metadata

__all__ = ["api_keys", "metadata", "recovery_codes", "second_factors", "sessions", "sub_accounts", "users"]

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.LargeBinary, nullable=False),
    sa.Column("role", sa.Text, nullable=False, server_default="user"),
    sa.Column("account", sa.BigInteger, unique=True),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""Who may sign in. `email` in lower case; `account` the engine's number."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("networks", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("public_key", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
    sa.Column("last_used_at", Moment),
    sa.Index("api_keys_subject", "subject", postgresql_where=sa.text("revoked_at IS NULL")),
)
"""Keys of programs, those taken back included. `id` is what requests name; `secret` (kind `hmac`) is encrypted,
`public_key` (`ed25519`, `rsa`) PEM; without `networks` a key may be used from everywhere. `last_used_at` is coarse."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("family", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("refresh", sa.LargeBinary, nullable=False),
    sa.Column("previous", sa.LargeBinary),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("used_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Index("sessions_subject", "subject"),
    sa.Index("sessions_ended", "ended_at", postgresql_where=sa.text("ended_at IS NOT NULL")),
)
"""Who is signed in where. `family`, `refresh`, `previous` are hashes of what refresh tokens consist of
(`api.auth.sessions`); all moments are by this database's clock, so that gateways agree on them."""

second_factors = sa.Table(
    "second_factors",
    metadata,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("confirmed_at", Moment),
)
"""One-time codes (`api.auth.totp`). `secret` is encrypted; `last_step` the half minute of the last code that was taken,
so that none is taken twice; asked for only when confirmed."""

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("subject", "hash"),
)
"""What is left of a second factor's recovery codes, hashed; one that was used is deleted."""

sub_accounts = sa.Table(
    "sub_accounts",
    metadata,
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("subject", "number"),
    sa.UniqueConstraint("subject", "label"),
)
"""Labels of further accounts of a user, whose `ref` in the engine is `<subject>/<number>`."""
