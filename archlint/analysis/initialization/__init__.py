"""How weights are drawn: as declared, as a framework does, or as the file tells."""
