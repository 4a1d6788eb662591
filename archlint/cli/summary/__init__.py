"""What `archlint inspect` shows where nothing else is asked for: layers, then totals."""
