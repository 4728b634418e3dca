"""A recall's answer as text for people."""

from __future__ import annotations

from collections.abc import Mapping

from athena_mcp.cli.output import visible, wrapped
from athena_mcp.model import DueTask, Hit, Layer, LayerOutcome, Memory, RecallResult, details_row

MOST_LISTED = 8
"""Entries of a list, such as files, that an answer shows."""


def recalled_text(result: RecallResult) -> str:
    """The memories, numbered, then the due tasks, what each layer did, what was missing, and the time it took."""
    parts: list[str] = []
    if result.nothing_relevant:
        parts.append("Nothing relevant is remembered.")
    elif not result.memories:
        parts.append("Nothing is remembered about this.")
    parts += [_hit(number, hit, result.include_scores) for number, hit in enumerate(result.memories, start=1)]
    if result.brief:
        parts.append("In short\n" + wrapped(result.brief, "   "))
    if result.due:
        parts.append("Due\n" + "\n".join(_due(task) for task in result.due))
    parts.append(_footer(result))
    return "\n\n".join(parts)


def layers_line(layers: Mapping[Layer, LayerOutcome]) -> str:
    """Each layer's status, hits and time on one line."""
    return " · ".join(_layer(layer, layers[layer]) for layer in Layer if layer in layers)


def _hit(number: int, hit: Hit, include_scores: bool) -> str:
    memory = hit.memory
    facts = [f"{number}. {memory.layer.value}", f"{memory.at:%Y-%m-%d}", f"#{memory.id}"]
    if include_scores and hit.confidence is not None:
        facts.append(f"confidence {hit.confidence:.2f}")
    lines = ["  ".join(facts), wrapped(memory.content if hit.text is None else hit.text, "   ")]
    if hit.text is not None:
        lines.append(f"   [cut; `athena-mcp show {memory.id}` has the whole]")
    if extra := details_text(memory, most=MOST_LISTED):
        lines.append(wrapped(extra, "   "))
    return "\n".join(lines)


def details_text(memory: Memory, *, most: int | None = None) -> str:
    """The typed fields and tags on a line, of lists at most so many entries; steps numbered on lines of their own."""
    row = details_row(memory.details, memory.relations)
    steps = row.pop("steps", [])
    relations = row.pop("relations", [])
    triggers = row.pop("triggers", [])
    pairs = [
        f"{name.replace('_', ' ')}: {', '.join(map(str, value[:most])) if isinstance(value, list) else value}"
        for name, value in row.items()
    ]
    pairs += [f"when {trigger['on']}: {trigger['value']}" for trigger in triggers]
    pairs += [f"{edge['subject']} —{edge['relation']}→ {edge['object']}" for edge in relations]
    if memory.tags:
        pairs.append("tags: " + ", ".join(memory.tags))
    lines = [f"{number}) {step}" for number, step in enumerate(steps, start=1)]
    return "\n".join([*lines, *([" · ".join(pairs)] if pairs else [])])


def _due(task: DueTask) -> str:
    head = f"   #{task.memory.id}  {visible(task.because)}"
    return head + "\n" + wrapped(task.memory.content, "   ")


def _footer(result: RecallResult) -> str:
    scope = " and ".join([visible(result.project), *(visible(name) for name in result.scope_with)])
    lines = ["Layers: " + layers_line(result.layers)]
    if result.degraded:
        lines.append("Degraded: " + "; ".join(visible(reason) for reason in result.degraded))
    cached = ", from the cache" if result.cache_hit else ""
    sure = f", confidence {result.confidence:.2f}" if result.include_scores and result.confidence is not None else ""
    lines.append(f"Searched {scope} to depth {result.cascade_depth} in {result.elapsed_ms:.1f} ms{cached}{sure}.")
    return "\n".join(lines)


def _layer(layer: Layer, outcome: LayerOutcome) -> str:
    match outcome.status:
        case "ok":
            return f"{layer.value} {outcome.hits} in {outcome.elapsed_ms:.1f} ms"
        case "skipped":
            return f"{layer.value} skipped"
        case "empty":
            return f"{layer.value} none in {outcome.elapsed_ms:.1f} ms"
        case _:
            reason = f" ({visible(outcome.reason)})" if outcome.reason else ""
            return f"{layer.value} {outcome.status.upper()}{reason}"
