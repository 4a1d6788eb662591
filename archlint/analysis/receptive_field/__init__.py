"""What tensors read of the inputs: the field of each, its holes, and how branches meet."""
