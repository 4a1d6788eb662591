"""What a plugin gives to make archlint read a further file format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto


@runtime_checkable
class Frontend(Protocol):
    """A reader of one file format.

    `name` names the format, `suffixes` are the ends of the names of its files, as (".keras",).
    """

    @property
    def name(self) -> str:
        """The format, in a word."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The ends of the names of its files."""

    def load(self, path: Path) -> ModelProto:
        """Return the model in `path`, weights declared with their dims and no data.

        Raises `Unreadable` for a file that is not a model that this front end can read.
        """
