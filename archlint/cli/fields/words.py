"""How the views describe how much of an axis is read."""

from __future__ import annotations


def everything(kind: str) -> str:
    """Return the word for a kind of field: `all` where everything is read, else its own name."""
    return "all" if kind == "global" else kind
