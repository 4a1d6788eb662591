"""The attributes of a call as the file has them: equal calls have equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from onnx import AttributeProto

if TYPE_CHECKING:
    from collections.abc import Sequence

Written: TypeAlias = tuple[bytes, ...]
"""The attributes of a call, each as the file has it."""

# A graph sees the tensors around it; a file of the first version does not say what is one.
_GRAPHS = frozenset({AttributeProto.UNDEFINED, AttributeProto.GRAPH, AttributeProto.GRAPHS})


def written(attributes: Sequence[AttributeProto]) -> Written | None:
    """Return the attributes of a node as the file has them; None where a graph is among them."""
    if not _GRAPHS.isdisjoint([each.type for each in attributes]):
        return None
    return tuple([each.SerializeToString() for each in attributes])
