"""Accounts: locked-out users, second factors, sessions, invitations, tokens, attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False)


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("disabled", sa.Boolean(), nullable=False, server_default="0"))
        users.add_column(sa.Column("totp_secret", sa.String(64), nullable=True))
        users.add_column(sa.Column("totp_step", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "recovery_codes", _text("hash", 64), _text("user", 64), sa.PrimaryKeyConstraint("hash")
    )
    op.create_table(
        "sessions",
        _text("hash", 64),
        _text("user", 64),
        _time("started_at"),
        _time("seen_at"),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_table(
        "invitations",
        _text("name", 64),
        _text("hash", 64),
        _text("role", 16),
        _time("until"),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "api_tokens",
        _text("id", 16),
        _text("hash", 64),
        _text("owner", 64),
        _text("name", 64),
        _text("role", 16),
        _time("until"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("key", 64),
        _time("at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_attempts_key", "attempts", ["key", "at"])


def downgrade() -> None:
    for table in ("attempts", "api_tokens", "invitations", "sessions", "recovery_codes"):
        op.drop_table(table)
    with op.batch_alter_table("users") as users:
        for column in ("totp_step", "totp_secret", "disabled"):
            users.drop_column(column)
