"""The interface of a front end: how a plugin makes archlint read another file format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto


@runtime_checkable
class Frontend(Protocol):
    """A reader of one file format.

    `suffixes` are the ends of the names of its files, such as (".keras",).
    """

    @property
    def name(self) -> str:
        """The name of the format."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The ends of the names of its files, in lower case."""

    def load(self, path: Path) -> ModelProto:
        """Return the model in `path`; its weights have dims and a type, but no data.

        Raises `Unreadable`, as `archlint.api.unreadable(message)` makes it, for a file that this
        front end cannot read.
        """
