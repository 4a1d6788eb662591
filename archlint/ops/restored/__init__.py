"""Files taken back to the network that was exported: what an optimizer did is undone."""
