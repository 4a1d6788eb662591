"""Amounts as formulas in the dimensions that a model leaves open."""
