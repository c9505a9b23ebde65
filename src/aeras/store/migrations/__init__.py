"""Alembic migrations of the control database; run by `aeras.store.control` at opening."""
