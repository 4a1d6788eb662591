"""Restores the trained network from an exported file: undoes what exporters optimized."""
