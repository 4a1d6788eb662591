"""Configuration: what a user states about models, and where archlint finds it."""
