"""The error tree. Every message is written for whoever has to act on it, and none carries SQL, a password or a secret.

AthenaError
├── InvalidArgument        the caller's input; names the argument; nothing was stored
├── ConfigurationError     a setting that cannot work; names the setting
│   └── EmbedderMismatch   the store's vectors were made by another embedder
├── DatabaseUnavailable    no connection, or not in time
│   └── EmbeddedServerError   the embedded PostgreSQL could not be made, started or stopped
├── DeadlineExceeded       a statement ran into its deadline and was cancelled by PostgreSQL
├── StorageError           PostgreSQL refused a statement for a reason that is not the caller's
│   └── MigrationError     the schema could not be brought up to date
├── EmbedderUnavailable    text could not be turned into vectors
├── ReadOnly               a write, where only reading is allowed
├── LimitReached           a project holds, or is sent, more than its limit
├── RecallFailed           every selected layer failed
└── TransferError          an export, an import or a git history that cannot be read or written
"""

from __future__ import annotations


class AthenaError(Exception):
    """Root of all errors that Athena raises on purpose."""


class InvalidArgument(AthenaError):
    """The caller's input is not acceptable.

    `argument` is the name of the offending argument (dotted for a part of one, such as ``details.outcome``).
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument
        self.problem = problem


class ConfigurationError(AthenaError):
    """A setting cannot work; the message names it and says what would."""


class EmbedderMismatch(ConfigurationError):
    """The store's vectors were made by another embedder than the one configured."""


class DatabaseUnavailable(AthenaError):
    """The database cannot be reached, or was not ready in time."""


class EmbeddedServerError(DatabaseUnavailable):
    """The embedded PostgreSQL could not be made, started or stopped."""


class DeadlineExceeded(AthenaError):
    """A statement ran into its deadline; PostgreSQL cancelled it and the connection is still good."""


class StorageError(AthenaError):
    """PostgreSQL refused a statement for a reason that is not the caller's."""


class OutOfDate(StorageError):
    """What this process had kept of the store does not hold any more; nothing was stored."""


class MigrationError(StorageError):
    """The schema could not be brought up to date."""


class EmbedderUnavailable(AthenaError):
    """Text could not be turned into vectors."""


class ReadOnly(AthenaError):
    """A write was asked for where only reading is allowed."""

    def __init__(self) -> None:
        super().__init__("This Athena only reads (ATHENA_READ_ONLY is set); nothing was changed.")


class LimitReached(AthenaError):
    """A project holds, or is sent, more than its limit; the message names the setting."""


class RecallFailed(AthenaError):
    """Every selected layer failed, so there is no answer, not even an empty one."""


class TransferError(AthenaError):
    """An export, an import or a git history cannot be read or written."""
