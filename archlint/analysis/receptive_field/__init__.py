"""Receptive fields: which inputs tensors read, holes in the fields, and alignment of branches."""
