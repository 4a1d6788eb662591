"""How weights are initialized: as declared, by a framework's default, or as stored."""
