"""What each operator computes, keeps for the backward pass, sees, and does to a signal's scale."""
