"""Rules on initial weights and the signal through the network."""
