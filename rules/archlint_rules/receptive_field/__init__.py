"""Rules on what an output can see."""
