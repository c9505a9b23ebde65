"""What became of a trigger: findings, action, approval, effect; and when prices changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trigger_steps",
        sa.Column("trigger", sa.String(64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("deed", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("logged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("trigger", "n"),
    )
    op.create_table(
        "prices",
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("item", "at"),
    )


def downgrade() -> None:
    op.drop_table("prices")
    op.drop_table("trigger_steps")
