"""Rules on the work of a step."""
