"""`athena-mcp bench load`: several agents on one memory, each with a server process of its own."""
