"""Accounts of a database beside its owner."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def as_account(url: str, account: str) -> str:
    """The same database for an account whose password is its name."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{account}:{account}@{host}"))
