"""The structure of a network: blocks, flattening, data flow, and unused parts."""
