"""A small partial evaluator: the contents of shapes, axes, indices and scalars."""
