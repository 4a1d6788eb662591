"""Rules on what a device can run."""
