"""Devices: a catalogue with the source of each figure, and its loader."""
