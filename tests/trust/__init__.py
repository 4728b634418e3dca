"""Tests that try to break the trust one puts in a memory."""
