"""Amounts as formulas in the open dimensions of a model."""
