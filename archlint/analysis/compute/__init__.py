"""How much a step computes and moves, and how long that takes."""
