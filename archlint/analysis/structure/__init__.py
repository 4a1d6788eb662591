"""The parts of a network: blocks, heads, streams, and what no output depends on."""
