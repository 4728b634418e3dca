"""Benchmarks that anyone can rerun: `athena-mcp bench`. Each says what machine it ran on and leaves nothing behind."""
