"""The layers that an architecture file can use."""
