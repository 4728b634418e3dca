"""Values as JSON has them: times as text, and containers that are ordinary dicts and lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def plain(value: Any) -> Any:
    """A JSON-like value made of ordinary dicts and lists, of its own."""
    match value:
        case Mapping():
            return {key: plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case _:
            return value


def isoformat(moment: datetime) -> str:
    """ISO 8601 in UTC with a `Z`, to the second, or to the millisecond; of what it wrote itself the same again."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds")
    return text.replace("+00:00", "Z")
