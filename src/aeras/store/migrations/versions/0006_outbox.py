"""Messages waiting for their receiver, consenting members, incentive codes, response counts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "messages",
        _whole("sequence"),
        _text("id", 64),
        _text("channel", 64),
        _text("topic", 32),
        _text("key", 64),
        sa.Column("payload", sa.JSON(), nullable=False),
        _time("at"),
        _text("state", 16),
        _time("due"),
        _whole("tries"),
        sa.Column("waited_s", sa.Float(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("once", sa.String(160), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("channel", "once"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_waiting", "messages", ["channel", "state", "key", "sequence"])
    op.create_table(
        "members",
        _text("hash", 64),
        _text("text", 64),
        _time("consented_at"),
        _text("source", 64),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "member_asks",
        _whole("id"),
        _text("member", 64),
        _text("survey", 64),
        _time("at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_member_asks_member", "member_asks", ["member", "at"])
    op.create_table(
        "incentive_codes",
        _text("code", 64),
        _text("campaign", 64),
        sa.Column("claim", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("claim"),
    )
    op.create_table(
        "redeemed_codes",
        _text("hash", 64),
        _time("until"),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "responses",
        _text("survey", 64),
        _text("channel", 32),
        _text("day", 10),
        _whole("invited"),
        _whole("opened"),
        _whole("answered"),
        _whole("refused"),
        sa.PrimaryKeyConstraint("survey", "channel", "day"),
    )
    op.create_table(
        "trial_hours",
        _text("trial", 64),
        _text("arm", 16),
        _time("hour"),
        _whole("invited"),
        _whole("answered"),
        sa.PrimaryKeyConstraint("trial", "arm", "hour"),
    )
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(sa.Column("opened", sa.Boolean(), nullable=False, server_default="0"))
        tokens.add_column(sa.Column("refused", sa.Boolean(), nullable=False, server_default="0"))
    with op.batch_alter_table("answers") as answers:
        answers.add_column(sa.Column("marks", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("answers") as answers:
        answers.drop_column("marks")
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("refused")
        tokens.drop_column("opened")
    for table in (
        *("trial_hours", "responses", "redeemed_codes", "incentive_codes", "member_asks"),
        *("members", "messages"),
    ):
        op.drop_table(table)
