"""Facts derived from a graph: parameters, compute, memory, receptive fields, signal."""
