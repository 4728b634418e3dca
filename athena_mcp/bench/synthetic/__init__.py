"""Synthetic memories in all five layers, as many as wanted, and the way into a store."""
