"""Operators: what each computes, saves for backward, reads, and does to a signal's scale."""
