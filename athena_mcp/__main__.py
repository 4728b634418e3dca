"""`python -m athena_mcp` is `athena-mcp`."""

from __future__ import annotations

from athena_mcp.cli import main

if __name__ == "__main__":
    main()
