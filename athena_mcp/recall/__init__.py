"""Recall: what is asked, in which order, and how the answers become one list."""
