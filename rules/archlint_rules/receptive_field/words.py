"""Axes, lists and times in words, shared by all findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def axes(numbers: Iterable[int]) -> str:
    """Return axes in words: `axis 2`, `axes 2 and 3`."""
    words = [str(number) for number in numbers]
    return f"{'axis' if len(words) == 1 else 'axes'} {listed(words)}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `depth, height and width`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def as_time(elements: float, rate: float | None) -> str:
    """Return input elements as a time, behind their number; nothing without a sample rate."""
    return "" if rate is None else f" ({1000 * elements / rate:.4g} ms)"
