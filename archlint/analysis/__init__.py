"""Facts worked out from a graph: parameters, compute, memory, receptive fields, signal."""
