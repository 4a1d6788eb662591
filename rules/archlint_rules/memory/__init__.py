"""Rules on the memory of training and inference."""
