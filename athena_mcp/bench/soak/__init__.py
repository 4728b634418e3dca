"""`athena-mcp bench soak`: one server under a mixed load for as long as wanted, and what grows meanwhile."""
