"""The first schema: triggers, answers, tokens, users, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "triggers",
        _text("id", 64),
        _text("rule", 64),
        _text("item", 64),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        _text("survey", 64, nullable=True),
        _text("state", 16),
        _text("origin", 16),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_triggers_rule_item", "triggers", ["rule", "item", "opened_at"])
    op.create_index("ix_triggers_state", "triggers", ["state"])
    op.create_table(
        "answers",
        _text("id", 64),
        _text("receipt_hash", 64),
        _text("survey", 64),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("item", 64),
        _text("trigger", 64, nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        _text("channel", 32),
        _text("language", 35),
        sa.Column("rating", sa.Integer(), nullable=True),
        _text("choice", 64, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        _text("origin", 16),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("receipt_hash"),
    )
    op.create_index("ix_answers_item_at", "answers", ["item", "at"])
    op.create_index("ix_answers_at", "answers", ["at"])
    op.create_table(
        "tokens",
        _text("hash", 64),
        _text("survey", 64),
        _text("item", 64),
        _text("channel", 32),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_tokens_survey", "tokens", ["survey"])
    op.create_table(
        "users",
        _text("name", 64),
        _text("role", 16),
        _text("password_hash", 256),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "settings",
        _text("name", 64),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    for table in ("settings", "users", "tokens", "answers", "triggers"):
        op.drop_table(table)
