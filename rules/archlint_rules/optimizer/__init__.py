"""Rules on the optimizer and its settings."""
