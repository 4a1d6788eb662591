"""Constant folding of shapes, axes, indices and scalars."""
