"""Logging of the serving process: stderr only, one line a record, and nobody's data."""

from __future__ import annotations

import logging
import sys

from athena_mcp.config import LogLevel


def configure_logging(level: LogLevel) -> None:
    """Send all records of `level` and above to stderr."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
        force=True,
    )
    # Below INFO the SDK logs whole messages, and with them what people remember.
    for name in ("mcp", "mcp_types"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(level)))
