"""Benchmarks that anyone can rerun: `athena-mcp bench`."""
