"""Survey forms, in versions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade() -> None:
    op.create_table(
        "form_versions",
        _text("form", 64),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        _text("by", 64),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("form", "version"),
    )
    op.create_table(
        "form_refusals",
        _text("form", 64),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("channel", 32),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("form", "version", "channel"),
    )
    with op.batch_alter_table("answers") as answers:
        answers.add_column(sa.Column("more", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("answers") as answers:
        answers.drop_column("more")
    op.drop_table("form_refusals")
    op.drop_table("form_versions")
