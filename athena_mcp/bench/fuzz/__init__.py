"""Abuse of the protocol: a client that sends whatever a pipe can carry, and keeps account of every answer."""
