"""`archlint inspect FILE --signal`: the signal at initialization, layer by layer."""
