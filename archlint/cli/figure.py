"""What all plots share: the figure, and writing it to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.errors import CannotRun

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = (".png", ".svg")


def check_name(path: Path) -> None:
    """Raise `CannotRun` for a file that is no picture."""
    if path.suffix.lower() not in _SUFFIXES:
        raise CannotRun(f"{path}: a plot is a file such as plot.png or plot.svg")


def new_figure(height: float = 5) -> Any:  # noqa: ANN401 - matplotlib comes without types
    """Return an empty figure of matplotlib; raises `CannotRun` where that is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CannotRun("--plot needs matplotlib: pip install 'archlint-nn[plot]'") from error
    return Figure(figsize=(8, height), layout="constrained")


def save(figure: Any, path: Path) -> None:  # noqa: ANN401 - as new_figure
    """Write a figure; without a date, the same model gives the same file. Raises `CannotRun`."""
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise CannotRun(f"{path}: cannot be written: {error.strerror or error}") from error
