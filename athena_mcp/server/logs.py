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
    # It warns of what follows upon an error in a batch, and the error is dealt with here. Its pool's warnings are kept.
    logging.getLogger("psycopg").setLevel(max(logging.ERROR, logging.getLevelName(level)))
    logging.getLogger("psycopg.pool").setLevel(logging.getLevelName(level))
    # Below INFO the SDK logs whole messages, and with them what people remember.
    for name in ("mcp", "mcp_types"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(level)))
