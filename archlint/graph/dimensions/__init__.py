"""The dimensions of a model: which is the batch, and which sizes the target gives to open ones."""
