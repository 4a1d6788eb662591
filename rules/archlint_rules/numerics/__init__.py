"""Rules on values that a number format cannot hold."""
