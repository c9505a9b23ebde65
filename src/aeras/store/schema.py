"""Brings a control database to the schema this AERAS knows."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from aeras.domain.errors import StoreError


def migrate(connection: Connection, *, where: str) -> None:
    """Runs the migrations that are missing, in the connection's transaction.

    Raises:
        StoreError: When the database was written by a newer AERAS.
    """
    config = migration_config()
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"was written by a newer AERAS (this one knows schema {max(known)})",
            where=where,
            todo="Upgrade AERAS, or move the file away to start a new one",
        ) from error


def migration_config() -> Config:
    """Alembic's settings, without any ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
