"""Words for how much of an axis is read, shared by the views."""

from __future__ import annotations


def everything(kind: str) -> str:
    """Return the word for a kind of field: `all` where everything is read, else its own name."""
    return "all" if kind == "global" else kind
