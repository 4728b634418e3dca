"""Memories in and out: JSONL files and the history of git repositories."""
