"""How much a step computes, how many bytes it moves, and how long it takes."""
