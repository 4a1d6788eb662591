"""Runs archlint: loads models, applies rules, locates findings, suppresses, and sets exit codes."""
