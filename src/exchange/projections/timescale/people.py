"""The gateway's own tables: who may come in, and with what. No projection: nothing of this is in the log, and what is
lost here is in the backup of the database or nowhere.

Users are named by `subject` everywhere (32 hex digits in tokens and in the engine's `ref`). Rows refer to users without
foreign keys; users are never deleted. No secret is stored as text: passwords and tokens as hashes, what must be read
again encrypted under a key that is not in the database (`api.auth.secrets`).
"""

import sqlalchemy as sa

from exchange.projections.timescale.schema import Moment, metadata

__all__ = ["api_keys", "metadata", "users"]

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
