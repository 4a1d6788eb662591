"""Files to documents: bytes, spans and the places of weights."""
