"""Formats amounts of the facts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.quantity import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def some(number: float | None, form: Callable[[float], str]) -> str:
    """Return a number in its `form`; "?" where it is not known."""
    return "?" if number is None else form(number)


def interval(
    bounds: Mapping[str, int | None],
    form: Callable[[float], str] = format_bytes,
    *,
    complete: bool = True,
) -> str:
    """Return one amount where it is exact, else both bounds, or the one that is known.

    Where parts of it are unknown, it is not `complete` and has no upper bound.
    """
    low, high = (some(bounds[end], form) for end in ("low", "high"))
    if not complete:
        return f"at least {low}"
    return low if bounds["high"] is None or low == high else f"{low} to {high}"
