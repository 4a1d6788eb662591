"""Devices: the catalogue as data, each number with its source, and its loader."""
