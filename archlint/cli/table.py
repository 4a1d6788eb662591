"""Formats rows of text in aligned columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.report.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return a table with two spaces between columns; those in `right` are right-aligned."""
    cells = [tuple(head), *(tuple(visible(cell) for cell in row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "".join(f"{line}\n" for line in lines)
