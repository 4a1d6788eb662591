"""Budgets: amounts that a device or the user limits, and what to do when one is exceeded."""
