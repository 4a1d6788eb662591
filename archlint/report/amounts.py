"""Amounts as JSON: their two ends, and what in them is unknown."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from archlint.analysis.amount import Amount, merged


def both_ends(amount: Amount) -> dict[str, int | None]:
    """Return both bounds; without an upper one where an operator's part is unknown."""
    is_bounded = not any(part.node for part in amount.unknown)
    return {"low": amount.low, "high": amount.high if is_bounded else None}


def certainty(*amounts: Amount) -> dict[str, Any]:
    """Return whether amounts are complete, and all that is unknown in them."""
    unknown = merged(*(amount.unknown for amount in amounts))
    return {"complete": not unknown, "unknown": [asdict(part) for part in unknown]}
