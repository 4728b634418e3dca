"""Processes killed in the middle of their work, and whether what was acknowledged is there afterwards."""
