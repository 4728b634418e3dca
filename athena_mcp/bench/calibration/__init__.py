"""How reliable the confidences are, on questions whose answers are known, and what constants would make them so."""
