"""Connectors: cursors, quarantined rows, item mappings."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str, length: int | None = None, *, null: bool = False) -> sa.Column[str]:
    kind = sa.Text() if length is None else sa.String(length)
    return sa.Column(name, kind, nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=null)


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=null)


def upgrade() -> None:
    op.create_table(
        "feeds",
        _text("source", 64),
        _text("cursor", null=True),
        *(_time(name, null=True) for name in ("ran_at", "fine_at", "due_at")),
        _text("status", 16),
        _text("trouble"),
        _whole("tries"),
        _time("latest", null=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "feed_held",
        _whole("id"),
        _text("source", 64),
        _text("kind", 16),
        _text("document", 200),
        sa.Column("revision", sa.Integer(), nullable=False),
        _whole("line"),
        _text("reason", 32),
        _text("sku", 128),
        _text("note"),
        sa.Column("fields", sa.JSON(), nullable=False),
        _time("since"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "kind", "document", "revision", "line"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feed_held_group", "feed_held", ["source", "reason", "sku"])
    op.create_index("ix_feed_held_since", "feed_held", ["since"])
    op.create_table(
        "feed_products",
        _text("source", 64),
        _text("sku", 128),
        _text("item", 64),
        _text("name", 200),
        _text("category", 200),
        _text("gtin", 14, null=True),
        _whole("price", null=True),
        sa.Column("parts", sa.JSON(), nullable=False),
        _whole("revision"),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "sku"),
    )
    op.create_index("ix_feed_products_item", "feed_products", ["item"])
    op.create_table(
        "feed_skus",
        _text("source", 64),
        _text("sku", 128),
        _time("since"),
        _text("item", 64),
        sa.PrimaryKeyConstraint("source", "sku", "since"),
    )
    op.create_table(
        "feed_pushes",
        _text("source", 64),
        _text("push", 64),
        _time("at"),
        sa.PrimaryKeyConstraint("source", "push"),
    )
    op.create_index("ix_feed_pushes_at", "feed_pushes", ["at"])


def downgrade() -> None:
    for table in ("feed_pushes", "feed_skus", "feed_products", "feed_held", "feeds"):
        op.drop_table(table)
