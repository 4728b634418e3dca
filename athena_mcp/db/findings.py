"""What a check found: one row of `athena-mcp doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

FindingStatus = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `advice` says what to do about it, for all but ok. Holds no secret."""

    name: str
    status: FindingStatus
    detail: str
    advice: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        row: dict[str, Any] = {"name": self.name, "status": self.status, "detail": self.detail}
        if self.advice:
            row["advice"] = self.advice
        return row
