"""The four tools: what each publishes, and how a call becomes one call of the manager."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mcp.server import ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
    ToolAnnotations,
)

from athena_mcp.model import RecallResult
from athena_mcp.server import instructions
from athena_mcp.server.answers import failure, success
from athena_mcp.server.arguments import (
    Arguments,
    ForgetArguments,
    RecallArguments,
    RememberArguments,
    StatsArguments,
)
from athena_mcp.server.failures import explain
from athena_mcp.server.lifespan import ServerState
from athena_mcp.server.ports import Manager
from athena_mcp.server.results import ForgetAnswer, RecallAnswer, RememberAnswer, StatsAnswer
from athena_mcp.server.schemas import input_schema, output_schema
from athena_mcp.server.validation import parse_arguments


@dataclass(frozen=True, slots=True)
class ToolFace:
    """One tool: its published text and hints, its types, and the call of the manager behind it."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    answer: type[Any]
    annotations: ToolAnnotations
    run: Callable[[Manager, Any], Awaitable[Mapping[str, Any] | RecallResult]]
    always_loaded: bool = False
    """Whether a host with tool search should keep it in view; for the two an agent must not have to look for."""

    def published(self) -> Tool:
        """The row of `tools/list`."""
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=input_schema(self.arguments),
            output_schema=output_schema(self.answer),
            annotations=self.annotations,
            _meta={"anthropic/alwaysLoad": True} if self.always_loaded else None,
        )


async def _recall(manager: Manager, given: RecallArguments) -> RecallResult:
    return await manager.recall(
        given.query,
        given.context,
        given.k,
        given.cascade_depth,
        given.include_scores,
        given.explain_reasoning,
        given.use_cache,
        given.auto_select_depth,
        given.use_parallel,
        layers=given.layers,
        project=given.project,
        since=given.since,
        until=given.until,
        tags=given.tags or (),
    )


async def _remember(manager: Manager, given: RememberArguments) -> Mapping[str, Any]:
    receipt = await manager.remember(
        given.content,
        layer=given.layer,
        tags=given.tags or (),
        importance=given.importance,
        occurred_at=given.occurred_at,
        session_id=given.session_id,
        project=given.project,
        details=given.details,
        relations=given.relations or (),
        replaces=given.replaces,
        about=given.about,
        key=given.key,
    )
    return receipt.to_dict()


async def _forget(manager: Manager, given: ForgetArguments) -> Mapping[str, Any]:
    return (await manager.forget(given.id, project=given.project)).to_dict()


async def _stats(manager: Manager, given: StatsArguments) -> Mapping[str, Any]:
    return await manager.stats(given.section)


def _hints(*, read_only: bool, destructive: bool) -> ToolAnnotations:
    # All four can be repeated without further effect: remember recognises its duplicates, and what is forgotten is
    # gone. None reaches beyond its own store.
    return ToolAnnotations(
        read_only_hint=read_only, destructive_hint=destructive, idempotent_hint=True, open_world_hint=False
    )


TOOLS: Mapping[str, ToolFace] = {
    tool.name: tool
    for tool in (
        ToolFace(
            name="recall",
            title="Recall from memory",
            description=instructions.RECALL,
            arguments=RecallArguments,
            answer=RecallAnswer,
            annotations=_hints(read_only=True, destructive=False),
            run=_recall,
            always_loaded=True,
        ),
        ToolFace(
            name="remember",
            title="Remember",
            description=instructions.REMEMBER,
            arguments=RememberArguments,
            answer=RememberAnswer,
            annotations=_hints(read_only=False, destructive=False),
            run=_remember,
            always_loaded=True,
        ),
        ToolFace(
            name="forget",
            title="Forget a memory",
            description=instructions.FORGET,
            arguments=ForgetArguments,
            answer=ForgetAnswer,
            annotations=_hints(read_only=False, destructive=True),
            run=_forget,
        ),
        ToolFace(
            name="stats",
            title="Memory statistics",
            description=instructions.STATS,
            arguments=StatsArguments,
            answer=StatsAnswer,
            annotations=_hints(read_only=True, destructive=False),
            run=_stats,
        ),
    )
}
"""The tools by name, in the order in which they are listed."""


async def list_tools(ctx: ServerRequestContext[ServerState], _params: PaginatedRequestParams | None) -> ListToolsResult:
    """Answer `tools/list`."""
    return ListToolsResult(tools=list(_published_tools(ctx.lifespan_context.read_only)))


def served(read_only: bool) -> Mapping[str, ToolFace]:
    """The tools that are served: all, or those that only read."""
    return {name: tool for name, tool in TOOLS.items() if tool.annotations.read_only_hint} if read_only else TOOLS


@cache
def _published_tools(read_only: bool) -> tuple[Tool, ...]:
    # Making the schemas takes longer than most calls, and they never change.
    return tuple(tool.published() for tool in served(read_only).values())


async def call_tool(ctx: ServerRequestContext[ServerState], params: CallToolRequestParams) -> CallToolResult:
    """Answer `tools/call`; whatever goes wrong becomes an error result that the model can read."""
    tools = served(ctx.lifespan_context.read_only)
    tool = tools.get(params.name)
    if tool is None:
        only = " This server only reads (ATHENA_READ_ONLY)." if tools is not TOOLS else ""
        return failure(f"There is no such tool. Known: {', '.join(tools)}.{only}")
    try:
        given = parse_arguments(tool.arguments, params.arguments or {})
        manager = await ctx.lifespan_context.manager(ctx.session)
        answer = await tool.run(manager, given)
        if isinstance(answer, RecallResult):
            return ctx.lifespan_context.renderings.answer(answer)
        return success(answer)
    except Exception as error:  # noqa: BLE001  the border to the protocol: nothing but a message may pass
        return failure(explain(error, tool.name))
