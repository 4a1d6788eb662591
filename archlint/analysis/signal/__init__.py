"""The signal and its gradient through a network at initialization (mean-field theory)."""
