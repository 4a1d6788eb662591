"""Models as plain frozen objects: nodes, values, shapes, and the contents of small tensors."""
