"""One small hierarchy; every message says what was wrong, where, and what to do."""

from __future__ import annotations


class AerasError(Exception):
    """A problem that the user can act on. The command line prints it as one line and exits 2.

    Args:
        what: What was given and what was expected.
        where: The file and line, camera id, URL or table concerned; may be empty.
        todo: The next step for the person who reads it; may be empty.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.todo}" if self.todo else head

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive a process boundary by default.
        return (_rebuild, (type(self), self.what, self.where, self.todo))


def _rebuild(kind: type[AerasError], what: str, where: str, todo: str) -> AerasError:
    return kind(what, where=where, todo=todo)


class ConfigError(AerasError):
    """The site file, or a file it names, is missing, malformed or contradicts itself."""


class SourceError(AerasError):
    """A camera or video cannot be reached, opened or decoded."""


class ModelError(AerasError):
    """A model file is missing, corrupt, of the wrong hash, or does not fit its spec."""


class StoreError(AerasError):
    """A database cannot be opened or written (full disk, second process, wrong version)."""


class PrivacyError(AerasError):
    """A request or configuration that the privacy rules forbid."""


class InputError(AerasError):
    """A file, form or argument from outside that cannot be used."""


class ServeError(AerasError):
    """The web server cannot start (port in use, assets missing)."""


class GroupingError(AerasError):
    """Topics could not be looked for: too little time or memory, or the model is missing."""
