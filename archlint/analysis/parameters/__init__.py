"""Which stored tensors are parameters, buffers or constants."""
