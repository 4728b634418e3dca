"""A case from any repository with a changelog: its commits are the memories, its changelog asks for them."""
