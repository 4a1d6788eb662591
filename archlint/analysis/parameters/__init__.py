"""Which stored tensors are parameters, buffers or numbers of a formula."""
