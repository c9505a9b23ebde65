"""Expiry of survey tokens, batches of answers, tables with noise."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False)


def upgrade() -> None:
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(sa.Column("until", sa.DateTime(), nullable=True))
    # Older ones say their end only to who holds them; none is valid for longer than two days.
    op.execute("UPDATE tokens SET until = strftime('%Y-%m-%d %H:%M:%f000', 'now', '+2 days')")
    op.create_index("ix_tokens_until", "tokens", ["until"])
    op.create_table(
        "answer_batches", _text("answer", 64), _text("batch", 32), sa.PrimaryKeyConstraint("answer")
    )
    op.create_index("ix_answer_batches_batch", "answer_batches", ["batch"])
    op.create_table(
        "noisy_tables",
        _text("key", 400),
        _time("since"),
        _time("until"),
        sa.Column("micro", sa.Integer(), nullable=False),
        _time("at"),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_noisy_tables_until", "noisy_tables", ["until"])


def downgrade() -> None:
    op.drop_table("noisy_tables")
    op.drop_table("answer_batches")
    op.drop_index("ix_tokens_until", "tokens")
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("until")
