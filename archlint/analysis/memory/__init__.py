"""What is alive at each instant of inference and of a training step."""
