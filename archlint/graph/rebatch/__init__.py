"""Reads a model that was exported with a fixed batch size as if it had another."""
