"""The outcome of a run, and one module per report format."""
