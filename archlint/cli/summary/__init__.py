"""The default view of `archlint inspect`: a table of layers, then totals."""
