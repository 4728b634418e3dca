"""Remember: what happens to a text between the caller and the store."""
