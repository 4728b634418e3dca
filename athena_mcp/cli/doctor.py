"""`athena-mcp doctor`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from athena_mcp.cli.checks import run_checks
from athena_mcp.cli.launch import EXIT_FAILURE, Flags
from athena_mcp.cli.options import common_options, json_option, settings_of
from athena_mcp.cli.output import say, say_json, visible, wrapped
from athena_mcp.config import Settings
from athena_mcp.db.findings import Finding
from athena_mcp.errors import AthenaError

_MARKS = {"ok": "ok", "warning": "warning", "failed": "FAILED"}


@click.command("doctor", short_help="Check everything Athena stands on.")
@click.option(
    "--verify", is_flag=True, help="Also compare every index, count and link with the memories; may take minutes."
)
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, verify: bool, as_json: bool) -> None:
    """Check everything that Athena stands on, and say what to do about what is wrong.

    Works when the server cannot start; each check stands alone. Exits with 1 if one failed; a warning is no failure.

    \b
    Example:  athena-mcp doctor --json
    """
    settings: Settings | None = None
    findings: list[Finding] = []
    try:
        settings = settings_of(flags)
    except AthenaError as error:
        findings.append(Finding("settings", "failed", str(error), "Correct it, and run doctor again."))
    findings += run_checks(settings, verify=verify)
    if as_json:
        say_json([finding.to_dict() for finding in findings])
    else:
        say(findings_text(findings))
    if any(finding.status == "failed" for finding in findings):
        click.get_current_context().exit(EXIT_FAILURE)


def findings_text(findings: Sequence[Finding]) -> str:
    """A line for each finding, its advice below it, and the sum at the end."""
    name_width = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for finding in findings:
        detail = " ".join(visible(finding.detail).split())
        lines.append(f"{_MARKS[finding.status]:<8} {finding.name:<{name_width}}  {detail}")
        if finding.advice and finding.status != "ok":
            lines.append(wrapped(finding.advice, " " * 11))
    failed = sum(finding.status == "failed" for finding in findings)
    warned = sum(finding.status == "warning" for finding in findings)
    verdict = "Everything is in order." if not failed and not warned else f"{failed} failed, {warned} with a warning."
    return "\n".join([*lines, "", verdict])
