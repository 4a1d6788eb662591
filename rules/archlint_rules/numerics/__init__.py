"""Rules on the numbers that a file stores."""
