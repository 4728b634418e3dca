"""The ways in which Athena is asked: its defaults, and what becomes of the result when a part is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from athena_mcp.model import Layer


@dataclass(frozen=True, slots=True)
class Variant:
    """One row: arguments of `recall` beside query, k and project, and whether there is an embedder.

    A variant that names a `cascade_depth` which recall does not reach is left out of the report, with a note.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    vectors: bool = True


DEFAULTS = Variant("athena")

VARIANTS = (
    DEFAULTS,
    Variant("all five layers", {"layers": [layer.value for layer in Layer]}),
    Variant("words only", vectors=False),
    Variant("depth 1", {"cascade_depth": 1}),
    Variant("depth 2", {"cascade_depth": 2}),
    Variant("depth 3", {"cascade_depth": 3}),
)
"""The rows of `athena-mcp bench quality`, after the references; the first are the defaults."""
