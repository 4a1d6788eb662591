"""A node: one operator call, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr

from archlint.frontends.properties import IGNORE, PATH

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.value import Value

Attribute: TypeAlias = (
    "int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]"
    " | Graph | np.ndarray | Value"
)
"""An attribute; a tensor is its contents where it is small, else its description."""


class Node(Struct, frozen=True, eq=False):
    """One operator call.

    `name` is unique in the graph (made from the first output where the file gives none). An
    absent optional input or output is the empty string. `domain` is "" for the standard operators,
    also where the file spells it "ai.onnx". `metadata` holds the node's metadata properties.
    `output` is the first output that is present. It is computed, whatever is given; a field is
    several times as fast to read as a property, and a large graph reads it millions of times.
    """

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    metadata: Mapping[str, str]
    output: str = ""

    def __post_init__(self) -> None:
        outputs = self.outputs
        first = outputs[0] if outputs else ""
        force_setattr(self, "output", first or next(filter(None, outputs), ""))

    @property
    def document_path(self) -> str | None:
        """The keys that lead to its layer in an architecture file, as JSON; None in other files."""
        return self.metadata.get(PATH)

    @property
    def ignored_rules(self) -> str | None:
        """The rules that the file suppresses for this node, separated by commas; None without."""
        return self.metadata.get(IGNORE)
