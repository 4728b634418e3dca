"""A project with a memory in each layer, and what a recall found of them."""

from __future__ import annotations

from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer, RecallResult

ALL = [layer.value for layer in Layer]


def ids(result: RecallResult) -> list[int]:
    return [hit.memory.id for hit in result.memories]


def statuses(result: RecallResult) -> dict[str, str]:
    return {layer.value: outcome.status for layer, outcome in result.layers.items()}


async def fill(manager: MemoryManager, project: str) -> dict[str, int]:
    """A memory in each layer, by the layer's name."""
    kept = {
        "episodic": "The nightly build failed because the runner was out of disk.",
        "semantic": "The build cache lives on the runner's disk.",
        "procedural": "To free the runner's disk, prune the build cache.",
        "prospective": "Add an alert for the runner's disk.",
        "graph": "The runner builds the billing service.",
    }
    edge = {"subject": "Runner", "relation": "builds", "object": "Billing Service"}
    return {
        layer: (
            await manager.remember(
                text, layer=layer, project=project, relations=[edge] if layer == "graph" else ()
            )
        ).id
        for layer, text in kept.items()
    }  # fmt: skip
