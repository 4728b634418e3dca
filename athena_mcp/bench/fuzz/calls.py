"""Requests as clients make them, and as they should not."""

from __future__ import annotations

from random import Random
from typing import Any

from athena_mcp.bench.fuzz.values import any_value, odd_text, words
from athena_mcp.model import EpisodicKind, Layer, Outcome, Priority, TaskStatus
from athena_mcp.server.arguments import ForgetArguments, RecallArguments, RememberArguments, StatsArguments

_ARGUMENTS = {
    "recall": list(RecallArguments.model_fields),
    "remember": list(RememberArguments.model_fields),
    "forget": list(ForgetArguments.model_fields),
    "stats": list(StatsArguments.model_fields),
}
_OTHER_METHODS = (
    "ping", "tools/list", "resources/list", "resources/templates/list", "resources/read", "resources/subscribe",
    "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
    "server/discover", "subscriptions/listen", "initialize", "sampling/createMessage", "roots/list", "tasks/list",
    "tools/call", "notifications/initialized", "notifications/cancelled", "", "rpc.discover", "__class__",
    "tools/call\n", "\ud800",
)  # fmt: skip
_URIS = (
    "athena://stats", "athena://memories/1", "athena://memories/99999999999999999999", "athena://memories/-1",
    "athena://memories/%00", "athena://memories/1?x=1", "athena://memories/٣", "file:///etc/passwd", "", "athena://",
    "athena://memories/../stats", "\ud800",
)  # fmt: skip


def tool_call(random: Random) -> dict[str, Any]:
    """The parameters of a call that is likely to be accepted."""
    match random.choices(("recall", "remember", "forget", "stats"), (5, 4, 1, 1))[0]:
        case "recall":
            arguments: dict[str, Any] = {"query": words(random)}
            if random.random() < 0.5:
                arguments |= {"k": random.randint(1, 50), "cascade_depth": random.choice((None, 1, 2, 3))}
            if random.random() < 0.2:
                arguments["layers"] = random.sample(list(Layer), random.randint(1, 5))
            if random.random() < 0.2:
                arguments["context"] = {"files": ["src/app.py"], "branch": "main", "session_id": "fuzz"}
            return {"name": "recall", "arguments": arguments}
        case "remember":
            arguments = {"content": words(random, 30)}
            if random.random() < 0.5:
                arguments |= {"tags": [words(random, 1)], "importance": random.random()}
            if random.random() < 0.3:
                arguments |= _details(random)
            if random.random() < 0.1:
                arguments["relations"] = [{"subject": "auth", "relation": "depends on", "object": words(random, 1)}]
            if random.random() < 0.1:
                arguments[random.choice(("replaces", "about"))] = random.randint(1, 300)
            if random.random() < 0.1:
                arguments["key"] = f"k{random.randint(1, 50)}"
            return {"name": "remember", "arguments": arguments}
        case "forget":
            return {"name": "forget", "arguments": {"id": random.randint(1, 300)}}
        case _:
            return {"name": "stats", "arguments": random.choice(({}, {"section": "recall"}, {"section": "store"}))}


def spoilt_call(random: Random) -> dict[str, Any]:
    """The parameters of a call in which something is not what it should be."""
    call = tool_call(random)
    spoil = random.randrange(8)
    if spoil == 0:
        call["name"] = random.choice((odd_text(random), "Recall", "recall ", None, 5, ["recall"]))
    elif spoil == 1:
        call["arguments"] = any_value(random)
    elif spoil == 2:
        call["arguments"][words(random, 1)] = any_value(random)
    elif spoil == 3:
        call = {words(random, 1): any_value(random), **call}
    else:
        for _ in range(random.randint(1, 3)):
            call["arguments"][random.choice(_ARGUMENTS[call["name"]])] = any_value(random)
    return call


def other_request(random: Random) -> tuple[str, Any]:
    """A method that is not a tool's, with parameters of all sorts."""
    method = random.choice(_OTHER_METHODS)
    params: Any = any_value(random) if random.random() < 0.3 else {}
    if method.startswith("resources/") and isinstance(params, dict):
        params["uri"] = random.choice(_URIS) if random.random() < 0.9 else any_value(random)
    elif method == "subscriptions/listen" and isinstance(params, dict):
        params["notifications"] = {"resourceSubscriptions": ["athena://stats"]} if random.random() < 0.8 else {}
    elif method == "initialize" and isinstance(params, dict) and random.random() < 0.5:
        params |= {"protocolVersion": words(random, 1), "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    return method, params


def _details(random: Random) -> dict[str, Any]:
    match random.randrange(4):
        case 0:
            details: dict[str, Any] = {
                "kind": random.choice(list(EpisodicKind)),
                "outcome": random.choice(list(Outcome)),
            }
            return {"layer": "episodic", "details": details}
        case 1:
            return {"layer": "procedural", "details": {"steps": [words(random), words(random)]}}
        case 2:
            details = {"status": random.choice(list(TaskStatus)), "priority": random.choice(list(Priority))}
            return {"layer": "prospective", "details": {**details, "due_at": "2026-01-01"}}
        case _:
            return {"layer": "semantic", "details": {"confidence": random.random(), "source": words(random, 2)}}
