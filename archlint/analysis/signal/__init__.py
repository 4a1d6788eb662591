"""The signal and its gradient through a whole network at initialization (mean-field theory)."""
