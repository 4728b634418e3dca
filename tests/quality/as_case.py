"""The workload as a case file for `athena-mcp bench quality`: `python -m tests.quality.as_case CASE.json`.

A memory has its `text`, `layer`, `details`, `relations` and `tags`. With `--plain`
it has only text, which then says everything (conditions, steps, relations): for what knows nothing of layers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from athena_mcp.bench.quality.case import Case, parse_case
from tests.quality.workload import Item, Workload, read_workload

NAME = "workload"


def case_json(workload: Workload, *, plain: bool = False) -> dict[str, Any]:
    """The case as the file's JSON; a question's category is its layer and its kind."""
    return {
        "name": NAME,
        "memories": [_memory(item, plain=plain) for item in workload.items],
        "queries": [
            {"q": row.text, "relevant": sorted(row.relevant), "category": f"{row.layer.value} {row.kind}"}
            for row in workload.questions
        ],
    }


def as_case(workload: Workload, *, plain: bool = False) -> Case:
    """The case as the bench reads it."""
    return parse_case(case_json(workload, plain=plain), NAME)


def _memory(item: Item, *, plain: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "at": item.at, "session": item.session_name}
    if plain:
        return {**row, "text": item.whole}
    row |= {"text": item.content, "layer": item.layer.value}
    more = {"details": item.details, "relations": item.relations, "tags": item.tags}
    return row | {name: value for name, value in more.items() if value}


def main(arguments: list[str]) -> None:
    """Write the case file that is named."""
    paths = [argument for argument in arguments if argument != "--plain"]
    if len(paths) != 1:
        raise SystemExit("usage: python -m tests.quality.as_case [--plain] CASE.json")
    case = case_json(read_workload(), plain="--plain" in arguments)
    Path(paths[0]).write_text(json.dumps(case, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
