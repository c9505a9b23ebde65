"""Alembic's entry: runs on the connection that `aeras.store.schema` hands over."""

from alembic import context

from aeras.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter columns in place
)
with context.begin_transaction():
    context.run_migrations()
