"""Rules on what a device or a runtime can run."""
