"""The serialized attributes of a call: equal calls have equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from onnx import AttributeProto

if TYPE_CHECKING:
    from collections.abc import Sequence

Written: TypeAlias = tuple[bytes, ...]
"""The serialized attributes of a call."""

# Nested graphs capture tensors; in files of the first IR version, graphs are not marked as such.
_GRAPHS = frozenset({AttributeProto.UNDEFINED, AttributeProto.GRAPH, AttributeProto.GRAPHS})


def written(attributes: Sequence[AttributeProto]) -> Written | None:
    """Return the serialized attributes of a node; None where a graph is among them."""
    if not _GRAPHS.isdisjoint([each.type for each in attributes]):
        return None
    return tuple([each.SerializeToString() for each in attributes])
