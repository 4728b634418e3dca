"""The embedded PostgreSQL of a data folder: its making, its life, and what `doctor` asks about it.

Run on Linux. The branches for macOS (shorter socket paths) and Windows (a TCP port on loopback in place of a socket)
are written from the manuals and unverified.
"""

from __future__ import annotations

from athena_mcp.db.embedded.address import ServerAddress
from athena_mcp.db.embedded.server import EmbeddedServer
from athena_mcp.db.embedded.status import ServerStatus, server_pid, server_status
from athena_mcp.db.embedded.strays import Stray, find_strays

__all__ = ["EmbeddedServer", "ServerAddress", "ServerStatus", "Stray", "find_strays", "server_pid", "server_status"]
