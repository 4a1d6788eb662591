"""JSON Schemas of what archlint reads and writes."""
