"""Which tensors are alive at each moment of inference and of a training step."""
