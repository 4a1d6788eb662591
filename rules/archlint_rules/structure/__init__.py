"""Rules on the structure of the graph."""
