"""Receptive fields: what tensors read of the inputs, holes in it, and how branches align."""
