"""Topics of open answers: what keeps their ids and names over time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topics",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("into", sa.String(32), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("reach", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "topic_answers",
        sa.Column("answer", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("answer"),
    )
    op.create_index("ix_topic_answers_topic", "topic_answers", ["topic"])
    op.create_table(
        "topic_languages",
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("language"),
    )


def downgrade() -> None:
    op.drop_table("topic_languages")
    op.drop_index("ix_topic_answers_topic", "topic_answers")
    op.drop_table("topic_answers")
    op.drop_table("topics")
