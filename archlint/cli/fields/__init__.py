"""Detailed views of receptive fields in `archlint inspect`."""
