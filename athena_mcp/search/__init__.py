"""The lexical and the vector arm, used by every layer."""
