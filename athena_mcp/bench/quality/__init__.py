"""Whether recall finds the right memory: cases of memories and questions, scored beside plain references."""
