"""Configuration: settings about models, and where archlint finds them."""
