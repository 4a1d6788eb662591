"""Types and shapes of what a call returns."""
