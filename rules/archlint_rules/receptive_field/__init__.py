"""Rules on receptive fields."""
