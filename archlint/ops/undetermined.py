"""The exception with which a facet says that it has no answer."""

from __future__ import annotations


class Undetermined(Exception):
    """Raised by a facet that lacks a dimension, a type or an operand; the text is the reason."""


class UndeterminedElements(Undetermined):
    """Raised where only elementwise work is unknown, and no products."""
