"""What `archlint inspect` shows of receptive fields, beside the table of layers."""
